//! Behaviour of servers beyond the samples [P], and the calls that are sent.

use roomsync::chat::wire::{
    AddMany, Demoted, Envelope, ErrorBody, MemberResult, MemberRow, Outcome, Promote, Promoted, RoomDetail,
    RoomRow, Rows,
};
use serde_json::{Value, from_value, json, to_value};

/// Room detail says far more than is read here. [P]
#[test]
fn room_detail() {
    let rows: Vec<RoomDetail> = from_value(json!([{
        "id": "662XXXX13",
        "name": "testchatroom1",
        "description": "test",
        "membersonly": false,
        "allowinvites": false,
        "maxusers": 1000,
        "owner": "user1",
        "created": 1641365888209_u64,
        "custom": "",
        "mute": false,
        "affiliations_count": 2,
        "affiliations": [{ "member": "user2" }, { "owner": "user1" }],
        "public": true
    }]))
    .unwrap();
    let expected = RoomDetail {
        id: "662XXXX13".into(),
        name: Some("testchatroom1".into()),
        owner: Some("user1".into()),
        maxusers: Some(1000),
        affiliations_count: Some(2),
        affiliations: Some(vec![
            MemberRow::Member("user2".into()),
            MemberRow::Owner("user1".into()),
        ]),
    };
    assert_eq!(rows, [expected]);

    let bare: RoomDetail = from_value(json!({"id": "1"})).unwrap();
    assert_eq!(
        (bare.owner, bare.maxusers, bare.affiliations_count),
        (None, None, None)
    );
}

/// Rows are taken only where each is understood: who stands in another one would be missing.
#[test]
fn rows_of_room_detail() {
    let rows = |affiliations: Value| {
        let detail = from_value::<RoomDetail>(json!({"id": "1", "affiliations": affiliations}));
        detail.unwrap().affiliations
    };
    let owner = MemberRow::Owner("user1".into());
    assert_eq!(rows(json!([{"owner": "user1", "since": 5}])), Some(vec![owner]));
    assert_eq!(rows(json!([])), Some(vec![]));
    for other in [
        json!(null),
        json!([{"owner": "user1"}, {"admin": "user2"}]),
        json!([{"owner": "user1"}, {"member": 2.5}]),
        json!([{"owner": "user1"}, "user2"]),
        json!([{"owner": "user1", "member": "user1"}]),
    ] {
        assert_eq!(rows(other.clone()), None, "{other}");
    }
    assert_eq!(
        from_value::<RoomDetail>(json!({"id": "1"})).unwrap().affiliations,
        None
    );
}

/// A page of the app's rooms, and the last one. [P]
#[test]
fn list_of_rooms() {
    let page: Envelope<Vec<RoomRow>> = from_value(json!({
        "action": "get",
        "application": "2a8f5b13-XXXX-XXXX-958a-838fd47f1223",
        "params": { "limit": ["2"], "cursor": ["ZGNiMjRm"] },
        "uri": "http://XXXX/XXXX/XXXX/chatrooms",
        "entities": [],
        "data": [
            { "id": "66XXXX33", "name": "test1", "owner": "user1", "affiliations_count": 2 },
            { "id": "66XXXX34", "owner": null, "disabled": false }
        ],
        "timestamp": 1542558467056_u64,
        "duration": 1,
        "organization": "XXXX",
        "applicationName": "XXXX",
        "count": 2,
        "cursor": "ZGNiMjRmNGY1YjczYjlhYTNkYjk1MDY2YmEyNzFmODQ6aW06Y2hhdHJvb20"
    }))
    .unwrap();
    let row = |id: &str, name: &str, owner: &str, affiliations_count| RoomRow {
        id: id.into(),
        name: name.into(),
        owner: owner.into(),
        affiliations_count,
    };
    let rows = [row("66XXXX33", "test1", "user1", 2), row("66XXXX34", "", "", 0)];
    assert_eq!(page.data, rows);
    let cursor = "ZGNiMjRmNGY1YjczYjlhYTNkYjk1MDY2YmEyNzFmODQ6aW06Y2hhdHJvb20";
    assert_eq!(page.cursor.as_deref(), Some(cursor));
    let shown = json!({"id": "66XXXX33", "name": "test1", "owner": "user1", "affiliations_count": 2});
    assert_eq!(to_value(&rows[0]).unwrap(), shown);

    let last: Envelope<Vec<RoomRow>> = from_value(json!({"data": [], "cursor": null})).unwrap();
    assert_eq!((last.data.len(), last.cursor), (0, None));
    assert_eq!(from_value::<RoomRow>(json!({"name": "no id"})).unwrap().id, "");
}

/// Everything but `data` may be missing, and whatever is unknown is passed over.
#[test]
fn decoding_is_lenient() {
    let bare: Envelope<Vec<MemberRow>> = from_value(json!({"data": []})).unwrap();
    assert_eq!((bare.count, bare.params, bare.properties), (None, None, None));

    let rich: Envelope<Vec<MemberRow>> = from_value(json!({
        "path": "/chatrooms",
        "properties": {"a": 1},
        "entities": [{"uuid": "x", "username": "user1", "created": 1}],
        "data": [{"member": "user1", "nickname": "One", "joined": 1}],
        "cursor": "x"
    }))
    .unwrap();
    assert_eq!(rich.data, [MemberRow::Member("user1".into())]);
    assert!(rich.entities.is_empty());

    assert!(from_value::<Envelope<Vec<MemberRow>>>(json!({"action": "get", "count": 0})).is_err());
    for no_row in [
        json!({}),
        json!({"admin": "a"}),
        json!({"owner": "a", "member": "b"}),
        json!("a"),
    ] {
        assert!(from_value::<MemberRow>(no_row.clone()).is_err(), "{no_row}");
    }
}

/// The seed's tables say Bool and String where its samples show a text and a number.
#[test]
fn what_the_seed_says_in_two_ways() {
    for (result, success) in [
        (json!(true), true),
        (json!("success"), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("failure"), false),
    ] {
        let member: MemberResult = from_value(json!({"result": result, "user": "u"})).unwrap();
        let promoted: Promoted = from_value(json!({"result": result})).unwrap();
        let demoted: Demoted = from_value(json!({"result": result})).unwrap();
        let all = [member.result, promoted.result, demoted.result].map(|result| result.is_success());
        assert_eq!(all, [success; 3], "{result}");
    }
    for (count, expected) in [
        (json!(2), Some(2)),
        (json!("2"), Some(2)),
        (json!("two"), None),
        (Value::Null, None),
    ] {
        let answer: Envelope<Vec<String>> = from_value(json!({"data": [], "count": count})).unwrap();
        assert_eq!(answer.count, expected, "{count}");
    }
}

/// [P]
#[test]
fn errors() {
    for (error, exception, text) in [
        (
            "invalid_parameter",
            "com.easemob.group.exception.InvalidParameterException",
            "addMembers: addMembers number more than maxSize : 60",
        ),
        (
            "forbidden_op",
            "com.easemob.group.exception.ForbiddenOpException",
            "users [x] are not members of this group!",
        ),
        (
            "resource_not_found",
            "com.easemob.group.exception.ResourceNotFoundException",
            "grpID x does not exist!",
        ),
    ] {
        let json = json!({
            "error": error,
            "exception": exception,
            "timestamp": 1542554038353_u64,
            "duration": 3,
            "error_description": text
        });
        let body = ErrorBody {
            error: error.into(),
            exception: exception.into(),
            timestamp: 1_542_554_038_353,
            duration: 3,
            error_description: text.into(),
        };
        assert_eq!(from_value::<ErrorBody>(json.clone()).unwrap(), body);
        assert_eq!(to_value(&body).unwrap(), json);
    }
    let bare: ErrorBody = from_value(json!({"error": "reach_limit"})).unwrap();
    assert_eq!((&*bare.error, &*bare.error_description), ("reach_limit", ""));
}

#[test]
fn request_bodies() {
    let add = AddMany {
        usernames: vec!["user1".into(), "user2".into()],
    };
    assert_eq!(to_value(&add).unwrap(), json!({"usernames": ["user1", "user2"]}));
    assert_eq!(
        from_value::<AddMany>(json!({"usernames": ["user1", "user2"]})).unwrap(),
        add
    );
    let promote = Promote {
        newadmin: "user1".into(),
    };
    assert_eq!(to_value(&promote).unwrap(), json!({"newadmin": "user1"}));
    assert_eq!(
        from_value::<Promote>(json!({"newadmin": "user1"})).unwrap(),
        promote
    );
}

#[test]
fn answers_as_they_are_sent() {
    let mut answer = Envelope {
        action: "get".into(),
        application: "a".into(),
        params: None,
        uri: "http://h/o/a/chatrooms/1/users".into(),
        entities: vec![],
        properties: None,
        data: vec![
            MemberRow::Owner("user1".into()),
            MemberRow::Member("user2".into()),
        ],
        timestamp: 1,
        duration: 2,
        organization: "o".into(),
        application_name: "n".into(),
        count: None,
        cursor: None,
    };
    let mut json = json!({
        "action": "get",
        "application": "a",
        "uri": "http://h/o/a/chatrooms/1/users",
        "entities": [],
        "data": [{"owner": "user1"}, {"member": "user2"}],
        "timestamp": 1,
        "duration": 2,
        "organization": "o",
        "applicationName": "n"
    });
    assert_eq!(to_value(&answer).unwrap(), json);

    answer.params = Some([("pagenum".into(), vec!["1".into()])].into());
    answer.properties = Some([].into());
    answer.count = Some(2);
    json["params"] = json!({"pagenum": ["1"]});
    json["properties"] = json!({});
    json["count"] = json!(2);
    assert_eq!(to_value(&answer).unwrap(), json);

    let row = MemberResult {
        result: Outcome::Bool(false),
        action: "remove_member".into(),
        reason: Some("why".into()),
        user: "u".into(),
        id: "1".into(),
    };
    let json = json!({"result": false, "action": "remove_member", "reason": "why", "user": "u", "id": "1"});
    assert_eq!(to_value(&row).unwrap(), json);
    let promoted = Promoted {
        result: Outcome::success(),
        newadmin: "u".into(),
    };
    assert_eq!(
        to_value(&promoted).unwrap(),
        json!({"result": "success", "newadmin": "u"})
    );
}

/// The allow list, as the vendor's pages show it ("Manage chat room allow list"). `[P]`
#[test]
fn the_allow_list() {
    let answer: Envelope<Rows<String>> = from_value(json!({
        "action": "get",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/white/users",
        "data": ["wzy_test", "wzy_vivo"],
        "count": 2
    }))
    .unwrap();
    assert_eq!(
        (answer.data.rows, answer.count),
        (vec!["wzy_test".to_owned(), "wzy_vivo".to_owned()], Some(2))
    );

    let answer: Envelope<Rows<MemberResult>> = from_value(json!({
        "action": "post",
        "data": [
            {"result": true, "action": "add_user_whitelist", "user": "wzy_test", "chatroomid": "XXXX"},
            {"result": false, "action": "add_user_whitelist", "reason": "no", "user": "wzy_vivo", "chatroomid": "XXXX"}
        ]
    }))
    .unwrap();
    let rows: Vec<_> = answer
        .data
        .rows
        .iter()
        .map(|row| (row.user.as_str(), row.result.is_success()))
        .collect();
    assert_eq!(rows, [("wzy_test", true), ("wzy_vivo", false)]);

    // Of one alone there may be an object and no list.
    let answer: Envelope<Rows<MemberResult>> = from_value(json!({
        "data": {"result": true, "action": "remove_user_whitelist", "user": "wzy_test", "chatroomid": "XXXX"}
    }))
    .unwrap();
    assert!(answer.data.rows.len() == 1 && answer.data.rows[0].result.is_success());
}
