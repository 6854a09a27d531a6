//! The seed's eight calls, each under its own heading.

use super::*;

fn usernames(count: usize) -> String {
    json!({ "usernames": vec!["dave"; count] }).to_string()
}

fn people(range: std::ops::Range<usize>) -> Value {
    let row = |n: usize| {
        if n == 0 {
            json!({"owner": "u0"})
        } else {
            json!({ "member": format!("u{n}") })
        }
    };
    range.map(row).collect()
}

fn parameter(text: &str) -> (u16, Value) {
    refusal(400, "invalid_parameter", "InvalidParameterException", text)
}

/// "Adding a chat room member" and "Adding multiple chat room members".
pub(super) fn adding() -> Vec<Row> {
    let many = |names: &[&str]| {
        success(
            USERS,
            json!({"newmembers": names, "action": "add_member", "id": ROOM}),
        )
    };
    let there = "can not join this group, reason:user: dave already in group: 66213271109633";
    vec![
        app("Adds the specified user to the chat room.", ADD, "", added()),
        app(
            "If the specified user does not exist in the app …",
            "POST /chatrooms/66213271109633/users/mallory",
            "",
            argument("username mallory doesn't exist!"),
        ),
        after(
            &["POST /chatrooms/66213271109633/users/dave"],
            app(
                "… or is already a member of the chat room, …",
                ADD,
                "",
                parameter(there),
            ),
        ),
        app(
            "Adds multiple specified users to the chat room.",
            USERS,
            r#"{"usernames": ["dave", "erin"]}"#,
            many(&["dave", "erin"]),
        ),
        app(
            "You can add at most 60 users each time.",
            USERS,
            &usernames(60),
            many(&["dave"]),
        ),
        app(
            "You can add at most 60 users each time.",
            USERS,
            &usernames(61),
            parameter("addMembers: addMembers number more than maxSize : 60"),
        ),
        app(
            "The array of usernames … that you want to add … Required: Yes",
            USERS,
            "{}",
            argument("This is an invalid request."),
        ),
    ]
}

/// "Retrieving chat room members with pagination".
pub(super) fn listing() -> Vec<Row> {
    let page = |says, query: &str, rows, params| {
        let call = format!("GET /chatrooms/7/users{query}");
        app(says, &call, "", list(&call, rows, params))
    };
    vec![
        app(
            "Retrieves chat room members with pagination.",
            LIST,
            "",
            list(
                LIST,
                json!([{"owner": "alice"}, {"member": "bob"}, {"member": "carol"}]),
                Value::Null,
            ),
        ),
        page(
            "… on which chat room members are retrieved. The default value is 1.",
            "",
            people(0..1000),
            Value::Null,
        ),
        page(
            "The number of page on which chat room members are …",
            "?pagenum=3",
            people(2000..2500),
            json!({"pagenum": ["3"]}),
        ),
        page(
            "The number of chat room members displayed on each …",
            "?pagenum=2&pagesize=3",
            people(3..6),
            json!({"pagenum": ["2"], "pagesize": ["3"]}),
        ),
        page(
            "The default value is 1000.",
            "?pagenum=2",
            people(1000..2000),
            json!({"pagenum": ["2"]}),
        ),
        page(
            "The value range is [0,1000].",
            "?pagesize=0",
            json!([]),
            json!({"pagesize": ["0"]}),
        ),
        page(
            "If you pass in a value greater than 1000, the server …",
            "?pagesize=1001",
            people(0..1000),
            json!({"pagesize": ["1001"]}),
        ),
        page(
            "The username of the chat room owner, for example, …",
            "?pagesize=1",
            json!([{"owner": "u0"}]),
            json!({"pagesize": ["1"]}),
        ),
        page(
            "The username of a chat room admin or regular … member",
            "?pagenum=50&pagesize=2",
            json!([{"member": "u98"}, {"member": "u99"}]),
            json!({"pagenum": ["50"], "pagesize": ["2"]}),
        ),
    ]
}

/// "Removing the specified chat room member" and "Removing multiple chat room members".
pub(super) fn removing() -> Vec<Row> {
    let again = |user: &str| {
        json!({
            "result": false, "action": "remove_member", "user": user, "id": ROOM,
            "reason": format!("user: {user} doesn't exist in group: {ROOM}")
        })
    };
    let gone = json!({"result": true, "action": "remove_member", "user": "carol", "id": ROOM});
    let call = |count: usize| format!("{REMOVE}{}", "%2Ccarol".repeat(count - 1));
    let mut hundred = vec![again("carol"); 100];
    hundred[0] = gone.clone();
    vec![
        app(
            "Removes the specified user from the chat room.",
            REMOVE,
            "",
            removed(),
        ),
        after(
            &["DELETE /chatrooms/66213271109633/users/carol"],
            app(
                "Removes the specified user from the chat room.",
                LIST,
                "",
                list(LIST, json!([{"owner": "alice"}, {"member": "bob"}]), Value::Null),
            ),
        ),
        app(
            "Removes multiple users from the chat room.",
            REMOVE_MANY,
            "",
            success(REMOVE_MANY, json!([again("dave"), gone])),
        ),
        app(
            "A maximum of 100 usernames can be passed in each time.",
            &call(100),
            "",
            success(&call(100), json!(hundred)),
        ),
        app(
            "A maximum of 100 usernames can be passed in each time.",
            &call(101),
            "",
            parameter("kickMember: kickMembers number more than maxSize : 100"),
        ),
    ]
}

/// "Adding a chat room admin", "Retrieving chat room admins" and "Removing chat room admins".
pub(super) fn admins() -> Vec<Row> {
    let forbidden = |text: &str| refusal(403, "forbidden_op", "ForbiddenOpException", text);
    vec![
        app(
            "Adds a regular chat room member as the chat room …",
            PROMOTE,
            r#"{"newadmin": "carol"}"#,
            promoted(),
        ),
        app(
            "Adds a regular chat room member as the chat room …",
            PROMOTE,
            r#"{"newadmin": "dave"}"#,
            forbidden("users [dave] are not members of this group!"),
        ),
        app(
            "Adds a regular chat room member as the chat room …",
            PROMOTE,
            r#"{"newadmin": "bob"}"#,
            forbidden("user:bob is already admin of group:66213271109633"),
        ),
        app(
            "The username to be added as the … admin. Required: Yes",
            PROMOTE,
            "{}",
            argument("This is an invalid request."),
        ),
        after(
            &["POST /chatrooms/66213271109633/admin carol"],
            app(
                "Retrieves all the admins of the specified chat room.",
                ADMINS,
                "",
                list(ADMINS, json!(["bob", "carol"]), Value::Null),
            ),
        ),
        app(
            "Removes the administrative privileges of the chat …",
            DEMOTE,
            "",
            success(DEMOTE, json!({"result": "success", "oldadmin": "bob"})),
        ),
        after(
            &["DELETE /chatrooms/66213271109633/admin/bob"],
            app(
                "… and that admin becomes a regular chat room member.",
                LIST,
                "",
                list(
                    LIST,
                    json!([{"owner": "alice"}, {"member": "bob"}, {"member": "carol"}]),
                    Value::Null,
                ),
            ),
        ),
        after(
            &["DELETE /chatrooms/66213271109633/admin/bob"],
            app(
                "… and that admin becomes a regular chat room member.",
                ADMINS,
                "",
                list(ADMINS, json!([]), Value::Null),
            ),
        ),
    ]
}
