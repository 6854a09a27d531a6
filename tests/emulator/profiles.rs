//! The points where the documents disagree: what each side says, and that each point is switched alone.

use super::support::{ROOM, STATE, emulator_as, refusal, room, send, success, switched};
use roomsync::emulator::{Emulator, Point, Profile, Side};
use serde_json::{Value, json};

type Answer = (u16, Value);

/// A call, and what each side answers.
struct Row {
    point: Point,
    call: &'static str,
    body: String,
    seed: Answer,
    newer: Answer,
}

fn emulator(profile: Profile) -> Emulator {
    emulator_as(STATE, profile)
}

fn usernames(names: &[&str]) -> String {
    json!({ "usernames": names }).to_string()
}

fn forbidden(status: u16, text: &str) -> Answer {
    refusal(status, "forbidden_op", "ForbiddenOpException", text)
}

fn missing(text: &str) -> Answer {
    refusal(404, "resource_not_found", "ResourceNotFoundException", text)
}

fn argument(text: &str) -> Answer {
    refusal(400, "illegal_argument", "IllegalArgumentException", text)
}

fn parameter(text: &str) -> Answer {
    refusal(400, "invalid_parameter", "InvalidParameterException", text)
}

const USERS: &str = "POST /chatrooms/66213271109633/users";
const WHITE: &str = "POST /chatrooms/66213271109633/white/users";
const BLOCK: &str = "POST /chatrooms/66213271109633/blocks/users";
const ADMIN: &str = "POST /chatrooms/66213271109633/admin";

fn rows() -> Vec<Row> {
    let row = |point, call, body: &str, seed, newer| Row {
        point,
        call,
        body: body.to_owned(),
        seed,
        newer,
    };
    let many = |count: usize| vec!["dave"; count];
    let added = |names: &[&str]| {
        success(
            USERS,
            json!({"newmembers": names, "action": "add_member", "id": ROOM}),
        )
    };
    let one = "POST /chatrooms/66213271109633/users/carol";
    let absent = "DELETE /chatrooms/66213271109633/users/dave%2Cerin";
    let absent_row = |user: &str| {
        json!({
            "result": false, "action": "remove_member", "user": user, "id": ROOM,
            "reason": format!("user: {user} doesn't exist in group: {ROOM}")
        })
    };
    let listed =
        |action: &str, room: &str| json!({"result": true, "action": action, "user": "carol", room: ROOM});
    // Blocked once, and then no longer there.
    let mut again = listed("add_blocks", "id");
    again["result"] = false.into();
    again["reason"] = format!("user: carol doesn't exist in chatroom: {ROOM}").into();
    let mut blocked = json!(vec![again; 61]);
    blocked[0] = listed("add_blocks", "id");
    let promoted = success(ADMIN, json!({"result": "success", "newadmin": "bob"}));
    vec![
        row(
            Point::AddOneMember,
            one,
            "",
            parameter("can not join this group, reason:user: carol already in group: 66213271109633"),
            success(
                one,
                json!({"result": true, "action": "add_member", "id": ROOM, "user": "carol"}),
            ),
        ),
        row(
            Point::AddManyMember,
            USERS,
            &usernames(&["carol", "dave"]),
            added(&["dave"]),
            added(&["carol", "dave"]),
        ),
        row(
            Point::AddOneStranger,
            "POST /chatrooms/66213271109633/users/mallory",
            "",
            argument("username mallory doesn't exist!"),
            missing("username mallory doesn't exist!"),
        ),
        row(
            Point::AddManyStranger,
            USERS,
            &usernames(&["dave", "mallory", "trudy"]),
            argument("username mallory doesn't exist!"),
            missing("username mallory doesn't exist!"),
        ),
        row(
            Point::AddBatch,
            USERS,
            &usernames(&many(61)),
            parameter("addMembers: addMembers number more than maxSize : 60"),
            added(&["dave"]),
        ),
        row(
            Point::AllowBatch,
            WHITE,
            &usernames(&["carol"; 61]),
            parameter("usernames size is more than max limit : 60"),
            success(WHITE, json!(vec![listed("add_user_whitelist", "chatroomid"); 61])),
        ),
        row(
            Point::BlockBatch,
            BLOCK,
            &usernames(&["carol"; 61]),
            parameter("userNames is more than max limit : 60"),
            success(BLOCK, blocked),
        ),
        row(
            Point::RemoveManyAbsent,
            absent,
            "",
            success(absent, json!([absent_row("dave"), absent_row("erin")])),
            forbidden(403, "users [dave, erin] are not members of this group!"),
        ),
        row(
            Point::RemoveOneAbsent,
            "DELETE /chatrooms/66213271109633/users/dave",
            "",
            forbidden(400, "users [dave] are not members of this group!"),
            forbidden(403, "users [dave] are not members of this group!"),
        ),
        row(
            Point::PromoteOutsider,
            ADMIN,
            r#"{"newadmin": "dave"}"#,
            forbidden(403, "users [dave] are not members of this group!"),
            missing("user: dave doesn't exist in group: 66213271109633"),
        ),
        row(
            Point::PromoteAdmin,
            ADMIN,
            r#"{"newadmin": "bob"}"#,
            forbidden(403, "user:bob is already admin of group:66213271109633"),
            promoted,
        ),
    ]
}

/// Every row on both sides, in the profile as a whole and with its point switched alone.
#[tokio::test(start_paused = true)]
async fn each_side_answers_in_its_way() {
    for Row {
        point,
        call,
        body,
        seed,
        newer,
    } in rows()
    {
        for (base, switched, expected) in [
            (Side::Seed, Side::Seed, &seed),
            (Side::Seed, Side::Newer, &newer),
            (Side::Newer, Side::Seed, &seed),
            (Side::Newer, Side::Newer, &newer),
        ] {
            let mut profile = Profile::all(base);
            profile.set(point, switched);
            // It shows in every success, and has a test of its own.
            profile.rows_and_fields = Side::Seed;
            let answer = send(&emulator(profile), call, &body).await;
            assert_eq!(&answer, expected, "{} of {base:?} as {switched:?}", point.name());
        }
    }
}

/// The largest batches, to the last name.
#[tokio::test(start_paused = true)]
async fn batch_sizes() {
    for (side, add, remove) in [(Side::Seed, 60, 100), (Side::Newer, 100, 60)] {
        let profile = Profile::all(side);
        assert_eq!(
            send(&emulator(profile), USERS, &usernames(&vec!["dave"; add]))
                .await
                .0,
            200
        );
        let text = format!("addMembers: addMembers number more than maxSize : {add}");
        let over = send(&emulator(profile), USERS, &usernames(&vec!["dave"; add + 1])).await;
        assert_eq!(over, parameter(&text));
        let call = |count: usize| {
            format!(
                "DELETE /chatrooms/{ROOM}/users/{}",
                vec!["carol"; count].join("%2C")
            )
        };
        assert_eq!(send(&emulator(profile), &call(remove), "").await.0, 200);
        let text = format!("kickMember: kickMembers number more than maxSize : {remove}");
        let over = send(&emulator(profile), &call(remove + 1), "").await;
        assert_eq!(over, parameter(&text));

        let mut alone = Profile::default();
        alone.set(Point::RemoveBatch, side);
        assert_eq!(
            send(&emulator(alone), &call(remove + 1), "").await,
            parameter(&text)
        );
    }
}

/// Somebody who is not there beside somebody who is: a row each, on both sides.
#[tokio::test(start_paused = true)]
async fn one_of_two_is_not_there() {
    for side in [Side::Seed, Side::Newer] {
        let call = format!("DELETE /chatrooms/{ROOM}/users/dave%2Ccarol");
        let (status, body) = send(&emulator(Profile::all(side)), &call, "").await;
        let rows = json!([
            {
                "result": false, "action": "remove_member", "user": "dave", "id": ROOM,
                "reason": format!("user: dave doesn't exist in group: {ROOM}")
            },
            {"result": true, "action": "remove_member", "user": "carol", "id": ROOM}
        ]);
        assert_eq!((status, &body["data"]), (200, &rows));
    }
}

/// The two sides say the same here, so that there is no point to switch.
#[tokio::test(start_paused = true)]
async fn demoting_a_regular_member() {
    for side in [Side::Seed, Side::Newer] {
        let call = format!("DELETE /chatrooms/{ROOM}/admin/carol");
        let text = format!("user:carol is not admin of group:{ROOM}");
        assert_eq!(
            send(&emulator(Profile::all(side)), &call, "").await,
            forbidden(403, &text)
        );
    }
}

/// Removed alone or among many, an admin loses the role at once, or keeps it until they are demoted.
#[tokio::test(start_paused = true)]
async fn removing_an_admin() {
    for users in ["bob", "bob%2Ccarol"] {
        for (side, admins) in [(Side::Seed, vec![]), (Side::Newer, vec!["bob"])] {
            let mut profile = Profile::default();
            profile.set(Point::RemovedAdmin, side);
            let emulator = emulator(profile);
            let call = format!("DELETE /chatrooms/{ROOM}/users/{users}");
            assert_eq!(send(&emulator, &call, "").await.0, 200);
            let list = send(&emulator, &format!("GET /chatrooms/{ROOM}/admin"), "")
                .await
                .1;
            assert_eq!(list["data"], json!(admins));
            assert!(!room(&emulator).2.contains(&"bob".to_owned()));
            let demoted = send(&emulator, &format!("DELETE /chatrooms/{ROOM}/admin/bob"), "").await;
            assert_eq!(demoted.0, if admins.is_empty() { 403 } else { 200 });
            assert!(room(&emulator).1.is_empty());
        }
    }
}

/// Capitals as sent and no `properties`; or lower case, whatever was sent or is there, and `properties: {}`.
#[tokio::test(start_paused = true)]
async fn rows_and_fields() {
    let state =
        r#"{tokens: [secret], rooms: {"66213271109633": {owner: Alice, admins: [BOB], members: [Carol]}}}"#;
    for (side, names) in [
        (Side::Seed, ["Alice", "BOB", "Carol", "Dave"]),
        (Side::Newer, ["alice", "bob", "carol", "dave"]),
    ] {
        let [alice, bob, carol, dave] = names;
        let emulator = switched(state, Point::RowsAndFields, side);
        let member =
            |action: &str, user: &str| json!({"result": true, "action": action, "id": ROOM, "user": user});
        for (call, body, data, count) in [
            (
                "POST /chatrooms/66213271109633/users/Dave",
                "",
                member("add_member", dave),
                None,
            ),
            (
                "DELETE /chatrooms/66213271109633/users/Dave",
                "",
                member("remove_member", dave),
                None,
            ),
            (
                USERS,
                r#"{"usernames": ["Dave"]}"#,
                json!({"newmembers": [dave], "action": "add_member", "id": ROOM}),
                None,
            ),
            (
                "DELETE /chatrooms/66213271109633/users/Dave%2C",
                "",
                json!([member("remove_member", dave), {
                    "result": false, "action": "remove_member", "id": ROOM, "user": "",
                    "reason": "user:  doesn't exist in group: 66213271109633"
                }]),
                None,
            ),
            (
                ADMIN,
                r#"{"newadmin": "Carol"}"#,
                json!({"result": "success", "newadmin": carol}),
                None,
            ),
            (
                "DELETE /chatrooms/66213271109633/admin/Carol",
                "",
                json!({"result": "success", "oldadmin": carol}),
                None,
            ),
            ("GET /chatrooms/66213271109633/admin", "", json!([bob]), Some(1)),
            (
                "GET /chatrooms/66213271109633/users",
                "",
                json!([{"owner": alice}, {"member": bob}, {"member": carol}]),
                Some(3),
            ),
            (
                "GET /chatrooms/66213271109633/white/users",
                "",
                json!([alice, bob]),
                Some(2),
            ),
            (
                "GET /chatrooms",
                "",
                json!([{"id": ROOM, "name": "", "owner": alice, "affiliations_count": 3}]),
                Some(1),
            ),
        ] {
            let mut expected = success(call, data);
            if let Some(count) = count {
                expected.1["count"] = count.into();
            }
            if side == Side::Newer {
                expected.1["properties"] = json!({});
            }
            assert_eq!(send(&emulator, call, body).await, expected);
        }
    }
}
