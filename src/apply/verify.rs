//! The second look: what was done in a room must show in its lists.

use super::context::RunContext;
use super::last_look::LastLook;
use super::report::RoomReport;
use super::room_run::RoomRun;
use crate::chat::CallError;
use crate::live::{self, MemberList, Owner, Waiter, fan_out};
use crate::model::RoomId;
use futures_util::future::join_all;
use tokio::sync::oneshot;

/// Looks at the lists that have to show what was done, and at no other. Each room ends as soon as its own were seen.
pub(super) async fn verify(context: &RunContext<'_>, runs: Vec<RoomRun<'_>>) -> Vec<RoomReport> {
    let (mut of_members, mut of_owners) = (Vec::new(), Vec::new());
    let rooms: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let (id, expected) = (&run.job.plan.id, &run.record.expected);
            let members = expected.is_about_members().then(|| asked(id, &mut of_members));
            // A list of members names the owner, too.
            let owner =
                (members.is_none() && !expected.0.demote.is_empty()).then(|| asked(id, &mut of_owners));
            end(context, run, members, owner)
        })
        .collect();
    let reader = &context.reader;
    let members = fan_out(of_members, async |rooms, each| {
        live::read_members(reader, rooms, each).await
    });
    let owners = fan_out(of_owners, async |rooms, each| {
        live::read_owners(reader, rooms, &|_| None, each).await
    });
    let (reports, (), ()) = tokio::join!(join_all(rooms), members, owners);
    reports
}

/// Has something asked for of a room.
fn asked<T>(room: &RoomId, asked: &mut Vec<(RoomId, Waiter<T>)>) -> oneshot::Receiver<Result<T, CallError>> {
    let (told, what) = oneshot::channel();
    asked.push((room.clone(), told));
    what
}

/// Ends the work in a room, once what has to be seen was.
async fn end(
    context: &RunContext<'_>,
    mut run: RoomRun<'_>,
    members: Option<oneshot::Receiver<Result<MemberList, CallError>>>,
    owner: Option<oneshot::Receiver<Result<Owner, CallError>>>,
) -> RoomReport {
    let admins = async {
        if run.record.expected.is_about_admins() {
            // The semaphore is never closed.
            let _turn = context.last_looks.acquire().await.ok();
            Some(live::read_admins(&context.reader, &run.job.plan.id).await)
        } else {
            None
        }
    };
    let allow_list = async {
        if run.record.expected.is_about_allow_list() {
            Some(live::read_allow_list(&context.reader, &run.job.plan.id).await)
        } else {
            None
        }
    };
    let (members, owner, admins, allow_list) = tokio::join!(told(members), told(owner), admins, allow_list);
    run.confirm(&LastLook {
        members,
        owner,
        admins,
        allow_list,
    });
    context.written(&run.cancel).await;
    run.finish()
}

/// Waits for an answer, if one was asked for.
async fn told<T>(what: Option<oneshot::Receiver<T>>) -> Option<T> {
    match what {
        Some(what) => what.await.ok(),
        None => None,
    }
}
