//! Whom an error names: people of the call, never words of the message that look like their names.

use super::house::{House, house, id, minutes, one_room, room_text};
use roomsync::emulator::Fault;
use roomsync::status::RoomState;
use tokio::time::sleep;

/// Names that are words of the message that a refused add is reported by, and others.
const WANTED: [&str; 11] = [
    "ann", "room", "403", "13", "in", "kate", "liam", "noah", "olga", "paul", "quinn",
];

#[test]
fn nobody_is_set_aside_because_their_name_stands_in_the_message() {
    house(one_room(&[]), "", async |house: House| {
        for fault in ["add_many:403=weird_thing", "add_one:403=weird_thing"] {
            house.service.emulator.add_fault(Fault::parse(fault).unwrap());
        }
        let quoted = WANTED.iter().map(|name| format!("\"{name}\""));
        house.rooms(&room_text(&id(), quoted));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                status
                    .rooms
                    .first()
                    .is_some_and(|room| room.state == RoomState::Failed)
            })
            .await;
        sleep(minutes(2)).await;
        let aside = daemon.status().aside;
        assert!(aside.is_empty(), "{aside:?}");
        // Once the service takes people again, all of them come in.
        house.service.emulator.clear_faults();
        daemon.until_well(minutes(10)).await;
        daemon.stop().await;
    });
}
