//! The block list beyond its own answers, which `conformance/lists.rs` has: what it does to the rest of a room.

use super::support::{ROOM, STATE, emulator, emulator_as, room, send};
use roomsync::emulator::{Emulator, Options, Profile, Side, State, save};
use roomsync::model::RoomId;
use serde_json::json;

async fn status(emulator: &Emulator, call: &str, body: &str) -> u16 {
    let (method, path) = call.split_once(' ').unwrap();
    send(emulator, &format!("{method} /chatrooms/{ROOM}/{path}"), body)
        .await
        .0
}

#[tokio::test(start_paused = true)]
async fn whoever_is_blocked_loses_every_role_and_stays_out() {
    let emulator = emulator();
    let id = RoomId::parse(ROOM).unwrap();
    let carol = ["carol".to_owned()];
    for call in [
        "POST white/users/carol",
        "POST blocks/users/CAROL",
        "POST blocks/users/bob",
    ] {
        assert_eq!(status(&emulator, call, "").await, 200, "{call}");
    }
    let (_, admins, members) = room(&emulator);
    assert_eq!((admins.len(), members), (0, vec!["alice".to_owned()]));
    // Neither by a call nor by themselves.
    assert_eq!(status(&emulator, "POST users/carol", "").await, 403);
    assert!(emulator.join(&id, &carol).is_empty());
    // Nobody of a refused batch.
    let batch = json!({"usernames": ["dave", "bob"]}).to_string();
    assert_eq!(status(&emulator, "POST users", &batch).await, 403);
    assert_eq!(room(&emulator).2, ["alice"]);

    // It outlives a restart.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    save(&emulator.state(), &path).unwrap();
    let emulator = Emulator::new(State::read(&path).unwrap(), Options::default());
    assert_eq!(status(&emulator, "POST users/bob", "").await, 403);

    assert_eq!(
        status(&emulator, "DELETE blocks/users/Bob%2Ccarol", "").await,
        200
    );
    assert_eq!(room(&emulator).2, ["alice"]);
    assert_eq!(status(&emulator, "POST users/bob", "").await, 200);
    assert_eq!(emulator.join(&id, &carol), carol);
    // Back, and as a regular member, not on the allow list.
    let (_, admins, members) = room(&emulator);
    assert_eq!(
        (admins.len(), members.join(" ")),
        (0, "alice bob carol".to_owned())
    );
    let list = send(&emulator, &format!("GET /chatrooms/{ROOM}/white/users"), "").await;
    assert_eq!(list.1["data"], json!(["alice"]));
}

/// Rows name the room as `chatroomid`, and names have no capitals. The allow list takes 100. [P]
#[tokio::test(start_paused = true)]
async fn on_newer_servers() {
    let emulator = emulator_as(STATE, Profile::all(Side::Newer));
    let blocks = format!("/chatrooms/{ROOM}/blocks/users");
    let (_, answer) = send(&emulator, &format!("POST {blocks}/CAROL"), "").await;
    let row = json!({"result": true, "action": "add_blocks", "user": "carol", "chatroomid": ROOM});
    assert_eq!(answer["data"], row);
    let (_, list) = send(&emulator, &format!("GET {blocks}"), "").await;
    assert_eq!((&list["data"], &list["count"]), (&json!(["carol"]), &json!(1)));

    let white = format!("POST /chatrooms/{ROOM}/white/users");
    for (count, status) in [(100, 200), (101, 400)] {
        let body = json!({ "usernames": vec!["bob"; count] }).to_string();
        assert_eq!(send(&emulator, &white, &body).await.0, status);
    }
}
