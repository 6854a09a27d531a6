//! The seed's eight samples, misprints put right, decoded.

use roomsync::chat::wire::{AddedMany, Demoted, Envelope, MemberResult, MemberRow, Outcome, Promoted};
use serde_json::{from_value, json};

#[test]
fn one_member_added() {
    let answer: Envelope<MemberResult> = from_value(json!({
        "action": "post",
        "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users/XXXX",
        "entities": [],
        "data": {
            "result": true,
            "action": "add_member",
            "id": "XXXX",
            "user": "user1"
        },
        "timestamp": 1542554038353_u64,
        "duration": 0,
        "organization": "XXXX",
        "applicationName": "XXXX"
    }))
    .unwrap();
    let expected = Envelope {
        action: "post".into(),
        application: "8be024f0-XXXX-XXXX-b697-5d598d5f8402".into(),
        params: None,
        uri: "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users/XXXX".into(),
        entities: vec![],
        properties: None,
        data: MemberResult {
            result: Outcome::Bool(true),
            action: "add_member".into(),
            reason: None,
            user: "user1".into(),
            id: "XXXX".into(),
        },
        timestamp: 1_542_554_038_353,
        duration: 0,
        organization: "XXXX".into(),
        application_name: "XXXX".into(),
        count: None,
        cursor: None,
    };
    assert_eq!(answer, expected);
}

#[test]
fn many_members_added() {
    let answer: Envelope<AddedMany> = from_value(json!({
        "action": "post",
        "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users",
        "entities": [],
        "data": {
            "newmembers": ["user1", "user2"],
            "action": "add_member",
            "id": "XXXX"
        },
        "timestamp": 1542554537237_u64,
        "duration": 39,
        "organization": "XXXX",
        "applicationName": "XXXX"
    }))
    .unwrap();
    let expected = AddedMany {
        newmembers: vec!["user1".into(), "user2".into()],
        action: "add_member".into(),
        id: "XXXX".into(),
    };
    assert_eq!((answer.data, answer.duration), (expected, 39));
}

#[test]
fn a_page_of_members() {
    let answer: Envelope<Vec<MemberRow>> = from_value(json!({
        "action": "get",
        "application": "527cd7e0-XXXX-XXXX-9f59-ef10ecd81ff0",
        "params": {
            "pagesize": ["2"],
            "pagenum": ["2"]
        },
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users",
        "entities": [],
        "data": [
            { "owner": "user1" },
            { "member": "user2" }
        ],
        "timestamp": 1489074511416_u64,
        "duration": 0,
        "organization": "XXXX",
        "applicationName": "XXXX",
        "count": 2
    }))
    .unwrap();
    let rows = [
        MemberRow::Owner("user1".into()),
        MemberRow::Member("user2".into()),
    ];
    assert_eq!((answer.data.as_slice(), answer.count), (&rows[..], Some(2)));
    let params = answer.params.unwrap();
    assert_eq!(
        (&params["pagenum"], &params["pagesize"]),
        (&vec!["2".into()], &vec!["2".into()])
    );
}

#[test]
fn one_member_removed() {
    let answer: Envelope<MemberResult> = from_value(json!({
        "action": "delete",
        "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users/XXXX",
        "entities": [],
        "data": {
            "result": true,
            "action": "remove_member",
            "user": "user1",
            "id": "XXXX"
        },
        "timestamp": 1542555744726_u64,
        "duration": 1,
        "organization": "XXXX",
        "applicationName": "XXXX"
    }))
    .unwrap();
    assert!(answer.data.result.is_success());
    assert_eq!(
        (&*answer.data.action, &*answer.data.user),
        ("remove_member", "user1")
    );
}

#[test]
fn many_members_removed() {
    let answer: Envelope<Vec<MemberResult>> = from_value(json!({
        "action": "delete",
        "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/users/user1%2Cuser2",
        "entities": [],
        "data": [
            {
                "result": false,
                "action": "remove_member",
                "reason": "user: user1 doesn't exist in group: 66213271109633",
                "user": "user1",
                "id": "XXXX"
            },
            {
                "result": true,
                "action": "remove_member",
                "user": "user2",
                "id": "XXXX"
            }
        ],
        "timestamp": 1542556177147_u64,
        "duration": 0,
        "organization": "XXXX",
        "applicationName": "XXXX"
    }))
    .unwrap();
    let expected = [
        MemberResult {
            result: Outcome::Bool(false),
            action: "remove_member".into(),
            reason: Some("user: user1 doesn't exist in group: 66213271109633".into()),
            user: "user1".into(),
            id: "XXXX".into(),
        },
        MemberResult {
            result: Outcome::Bool(true),
            action: "remove_member".into(),
            reason: None,
            user: "user2".into(),
            id: "XXXX".into(),
        },
    ];
    assert_eq!(answer.data, expected);
}

#[test]
fn an_admin_added() {
    let answer: Envelope<Promoted> = from_value(json!({
        "action": "post",
        "application": "22bcffa0-XXXX-XXXX-9df8-516f6df68c6d",
        "applicationName": "XXXX",
        "data": {
            "result": "success",
            "newadmin": "user1"
        },
        "duration": 0,
        "entities": [],
        "organization": "XXXX",
        "timestamp": 1642486989028_u64,
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/admin"
    }))
    .unwrap();
    let expected = Promoted {
        result: Outcome::success(),
        newadmin: "user1".into(),
    };
    assert_eq!(answer.data, expected);
}

#[test]
fn the_admins() {
    let answer: Envelope<Vec<String>> = from_value(json!({
        "action": "get",
        "application": "527cd7e0-XXXX-XXXX-9f59-ef10ecd81ff0",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/admin",
        "entities": [],
        "data": ["XXXX"],
        "timestamp": 1489073361210_u64,
        "duration": 0,
        "organization": "XXXX",
        "applicationName": "XXXX",
        "count": 1
    }))
    .unwrap();
    assert_eq!((answer.data, answer.count), (vec!["XXXX".to_owned()], Some(1)));
}

#[test]
fn an_admin_removed() {
    let answer: Envelope<Demoted> = from_value(json!({
        "action": "delete",
        "application": "527cd7e0-XXXX-XXXX-9f59-ef10ecd81ff0",
        "uri": "http://XXXX/XXXX/XXXX/chatrooms/XXXX/admin/XXXX",
        "entities": [],
        "data": {
            "result": "success",
            "oldadmin": "XXXX"
        },
        "timestamp": 1489073432732_u64,
        "duration": 1,
        "organization": "XXXX",
        "applicationName": "XXXX"
    }))
    .unwrap();
    assert!(answer.data.result.is_success());
    assert_eq!(answer.data.oldadmin, "XXXX");
}
