//! Something read of many rooms together, of which each room is told its own as soon as that is known.

use crate::chat::CallError;
use crate::model::RoomId;
use std::cell::RefCell;
use tokio::sync::oneshot;

/// Channel on which a room waits for its answer.
pub(crate) type Waiter<T> = oneshot::Sender<Result<T, CallError>>;

/// Hands over what was read of the room at this place.
type Each<'a, T> = dyn Fn(usize, Result<T, CallError>) + 'a;

/// Reads something of rooms, and tells each room as soon as its own is known.
pub(crate) async fn fan_out<T>(
    asked: Vec<(RoomId, Waiter<T>)>,
    read: impl AsyncFnOnce(&[&RoomId], &Each<'_, T>) -> Result<(), CallError>,
) {
    let (rooms, told): (Vec<RoomId>, Vec<Waiter<T>>) = asked.into_iter().unzip();
    let rooms: Vec<&RoomId> = rooms.iter().collect();
    let told: RefCell<Vec<Option<Waiter<T>>>> = RefCell::new(told.into_iter().map(Some).collect());
    let each = |at: usize, what| {
        if let Some(told) = told.borrow_mut().get_mut(at).and_then(Option::take) {
            // A room waits for it until it comes.
            let _ = told.send(what);
        }
    };
    // What keeps every other look from succeeding has kept these.
    if let Err(error) = read(&rooms, &each).await {
        for told in told.into_inner().into_iter().flatten() {
            let _ = told.send(Err(error.clone()));
        }
    }
}
