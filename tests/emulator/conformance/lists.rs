//! The allow list and the block list of a room, as the vendor's pages have them ("Manage chat room allow list", "Manage
//! chat room block list"). The mark of each sentence stands before it: [P] documents, [R] recorded answers, [?] an assumption.

use super::*;

const WHITE: &str = "POST /chatrooms/66213271109633/white/users";
const UNWHITE: &str = "DELETE /chatrooms/66213271109633/white/users/";
const WHITE_LIST: &str = "GET /chatrooms/66213271109633/white/users";
const BLOCK: &str = "POST /chatrooms/66213271109633/blocks/users";
const UNBLOCK: &str = "DELETE /chatrooms/66213271109633/blocks/users/";
const BLOCK_LIST: &str = "GET /chatrooms/66213271109633/blocks/users";

/// Every call, each with a budget of its own.
pub(super) const CALLS: [&str; 9] = [
    WHITE_LIST,
    WHITE,
    "POST /chatrooms/66213271109633/white/users/carol",
    "DELETE /chatrooms/66213271109633/white/users/carol",
    BLOCK_LIST,
    BLOCK,
    "POST /chatrooms/66213271109633/blocks/users/carol",
    "DELETE /chatrooms/66213271109633/blocks/users/carol",
    "DELETE /chatrooms/66213271109633/blocks/users/carol%2Cbob",
];

fn forbidden(status: u16, text: &str) -> (u16, Value) {
    refusal(status, "forbidden_op", "ForbiddenOpException", text)
}

fn parameter(text: &str) -> (u16, Value) {
    refusal(400, "invalid_parameter", "InvalidParameterException", text)
}

fn usernames(names: &[&str]) -> String {
    json!({ "usernames": names }).to_string()
}

fn names(count: usize) -> String {
    "carol%2C".repeat(count - 1) + "carol"
}

/// "Manage chat room allow list".
pub(super) fn allowing() -> Vec<Row> {
    let row = |user: &str, action: &str| json!({"result": true, "action": action, "user": user, "chatroomid": ROOM});
    let one = format!("{WHITE}/carol");
    let missing = |user: &str, action: &str, why: &str| {
        let mut row = row(user, action);
        row["result"] = false.into();
        row["reason"] = why.into();
        row
    };
    let outside = "user: dave doesn't exist in group: 66213271109633";
    let unlisted = "user: dave is not in whitelist of group: 66213271109633";
    let sixty = vec!["carol"; 60];
    vec![
        app(
            "[P] Owner and admins are on it by themselves.",
            WHITE_LIST,
            "",
            list(WHITE_LIST, json!(["alice", "bob"]), Value::Null),
        ),
        app(
            "[P] Adds a user to the allow list.",
            &one,
            "",
            success(&one, row("carol", "add_user_whitelist")),
        ),
        app(
            "[P] users [XX] are not members of this group! (400)",
            &format!("{WHITE}/dave"),
            "",
            forbidden(400, "users [dave] are not members of this group!"),
        ),
        after(
            &["POST /chatrooms/66213271109633/white/users/carol"],
            app(
                "[P] Gets the allow list.",
                WHITE_LIST,
                "",
                list(WHITE_LIST, json!(["alice", "bob", "carol"]), Value::Null),
            ),
        ),
        app(
            "[P] Adds multiple users; [?] the reason of a row.",
            WHITE,
            &usernames(&["carol", "dave"]),
            success(
                WHITE,
                json!([
                    row("carol", "add_user_whitelist"),
                    missing("dave", "add_user_whitelist", outside)
                ]),
            ),
        ),
        app(
            "[P] You can add at most 60 users each time.",
            WHITE,
            &usernames(&sixty),
            success(WHITE, json!(vec![row("carol", "add_user_whitelist"); 60])),
        ),
        app(
            "[P] usernames size is more than max limit : 60",
            WHITE,
            &usernames(&[&sixty[..], &["bob"]].concat()),
            parameter("usernames size is more than max limit : 60"),
        ),
        after(
            &["POST /chatrooms/66213271109633/white/users/carol"],
            app(
                "[P] Removes users, in rows; [?] the reason of a row.",
                &format!("{UNWHITE}carol%2Cdave"),
                "",
                success(
                    &format!("{UNWHITE}carol%2Cdave"),
                    json!([
                        row("carol", "remove_user_whitelist"),
                        missing("dave", "remove_user_whitelist", unlisted)
                    ]),
                ),
            ),
        ),
        app(
            "[P] removing over 60: list size more than max limit : 60",
            &format!("{UNWHITE}{}", names(61)),
            "",
            parameter("removeWhitelist: list size more than max limit : 60"),
        ),
        user(
            "carol",
            app("[?] only admins and the owner may", &one, "", no_permission()),
        ),
    ]
}

/// "Manage chat room block list".
pub(super) fn blocking() -> Vec<Row> {
    let row = |user: &str, action: &str| json!({"result": true, "action": action, "user": user, "id": ROOM});
    let missing = |user: &str, action: &str, why: &str| {
        let mut row = row(user, action);
        row["result"] = false.into();
        row["reason"] = why.into();
        row
    };
    let one = format!("{BLOCK}/carol");
    let free = format!("{UNBLOCK}carol");
    let outside = "user: dave doesn't exist in chatroom: 66213271109633";
    let unlisted = "user: dave is not in blacklist of chatroom: 66213271109633";
    let blocked = "can not join this group, reason:user: carol is in the blacklist of group: 66213271109633";
    let carol: &[&str] = &["POST /chatrooms/66213271109633/blocks/users/carol"];
    let freed: &[&str] = &[
        "POST /chatrooms/66213271109633/blocks/users/carol",
        "DELETE /chatrooms/66213271109633/blocks/users/carol",
    ];
    let members = |rest: &[Value]| {
        let mut rows = vec![json!({"owner": "alice"}), json!({"member": "bob"})];
        rows.extend_from_slice(rest);
        list(LIST, json!(rows), Value::Null)
    };
    vec![
        app(
            "[P] Gets the block list.",
            BLOCK_LIST,
            "",
            list(BLOCK_LIST, json!([]), Value::Null),
        ),
        app(
            "[R] Adds a user to the block list.",
            &one,
            "",
            success(&one, row("carol", "add_blocks")),
        ),
        after(
            carol,
            app(
                "[P] Gets the block list.",
                BLOCK_LIST,
                "",
                list(BLOCK_LIST, json!(["carol"]), Value::Null),
            ),
        ),
        after(
            carol,
            app("[P] Whoever is blocked is put out.", LIST, "", members(&[])),
        ),
        after(
            carol,
            app(
                "[P] … and cannot join; [?] the text.",
                "POST /chatrooms/66213271109633/users/carol",
                "",
                forbidden(403, blocked),
            ),
        ),
        after(
            carol,
            app(
                "[P] … and cannot join; [?] in a batch, nobody is added.",
                USERS,
                &usernames(&["dave", "carol"]),
                forbidden(403, blocked),
            ),
        ),
        app(
            "[R] forbidden operation on group owner!",
            &format!("{BLOCK}/alice"),
            "",
            forbidden(403, "forbidden operation on group owner!"),
        ),
        app(
            "[P] The owner cannot be blocked; [?] in a batch, nobody is.",
            BLOCK,
            &usernames(&["carol", "alice"]),
            forbidden(403, "forbidden operation on group owner!"),
        ),
        app(
            "[R] users [X] are not members of this group!",
            &format!("{BLOCK}/dave"),
            "",
            forbidden(403, "users [dave] are not members of this group!"),
        ),
        app(
            "[P] Adds multiple users; the reason of a row.",
            BLOCK,
            &usernames(&["dave", "bob"]),
            success(
                BLOCK,
                json!([missing("dave", "add_blocks", outside), row("bob", "add_blocks")]),
            ),
        ),
        app(
            "[P] userNames is more than max limit : 60",
            BLOCK,
            &usernames(&["carol"; 61]),
            parameter("userNames is more than max limit : 60"),
        ),
        after(
            carol,
            app(
                "[R] Removes a user from the block list.",
                &free,
                "",
                success(&free, row("carol", "remove_blocks")),
            ),
        ),
        after(
            freed,
            app("[P] … which does not bring them back.", LIST, "", members(&[])),
        ),
        after(
            freed,
            app(
                "[P] … and they can be added again.",
                "POST /chatrooms/66213271109633/users/carol",
                "",
                success(
                    "POST /chatrooms/66213271109633/users/carol",
                    json!({"result": true, "action": "add_member", "id": ROOM, "user": "carol"}),
                ),
            ),
        ),
        app(
            "[P] users [XX] are not members of this group!",
            &free,
            "",
            forbidden(403, "users [carol] are not members of this group!"),
        ),
        after(
            carol,
            app(
                "[P] Removes multiple users; [?] a row of who is not on it.",
                &format!("{UNBLOCK}dave%2Ccarol"),
                "",
                success(
                    &format!("{UNBLOCK}dave%2Ccarol"),
                    json!([
                        missing("dave", "remove_blocks", unlisted),
                        row("carol", "remove_blocks")
                    ]),
                ),
            ),
        ),
        app(
            "[P] removeBlacklist: list size more than max limit : 60",
            &format!("{UNBLOCK}{}", names(61)),
            "",
            parameter("removeBlacklist: list size more than max limit : 60"),
        ),
        user(
            "bob",
            app(
                "[?] An admin may block whom they may remove.",
                &one,
                "",
                success(&one, row("carol", "add_blocks")),
            ),
        ),
        user(
            "bob",
            app(
                "[?] … and nobody else.",
                &format!("{BLOCK}/bob"),
                "",
                no_permission(),
            ),
        ),
    ]
}
