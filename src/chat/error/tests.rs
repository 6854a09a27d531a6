use super::*;

fn kind(status: u16, error: &str, text: &str) -> Option<CallErrorKind> {
    let body = serde_json::json!({
        "error": error, "exception": "com.easemob.group.exception.X", "timestamp": 1, "duration": 0,
        "error_description": text,
    });
    CallErrorKind::from_answer(status, body.to_string().as_bytes(), Method::AddMany, &[])
}

#[test]
fn every_documented_error_is_told_apart() {
    let code = |status, error, text| kind(status, error, text).map(|kind| kind.code().as_str());
    for (status, error, text, expected) in [
        (
            400,
            "illegal_argument",
            "username x doesn't exist!",
            "no_such_user",
        ),
        (
            404,
            "resource_not_found",
            "username x doesn't exist!",
            "no_such_user",
        ),
        (
            404,
            "resource_not_found",
            "grpID 12 does not exist!",
            "no_such_room",
        ),
        (
            404,
            "service_resource_not_found",
            "do not find this group:12",
            "no_such_room",
        ),
        (
            404,
            "organization_application_not_found",
            "Could not find application",
            "no_such_app",
        ),
        (
            400,
            "invalid_parameter",
            "addMembers: addMembers number more than maxSize : 60",
            "too_many_names",
        ),
        (
            400,
            "invalid_parameter",
            "kickMember: kickMembers number more than maxSize : 60",
            "too_many_names",
        ),
        (
            400,
            "invalid_parameter",
            "can not join this group, reason:user: x already in group: 1",
            "already_so",
        ),
        (
            403,
            "forbidden_op",
            "users [x] are not members of this group!",
            "already_so",
        ),
        (
            403,
            "forbidden_op",
            "user:x is not admin of group:12",
            "already_so",
        ),
        (
            404,
            "resource_not_found",
            "user: x doesn't exist in group: 12",
            "already_so",
        ),
        (
            403,
            "forbidden_op",
            "user x has joined too many groups/chatroom!",
            "user_in_too_many_rooms",
        ),
        (
            403,
            "exceed_limit",
            "member size is greater than max user size !",
            "room_full",
        ),
        (
            403,
            "forbidden_op",
            "member size is greater than max user size !",
            "room_full",
        ),
        (403, "forbidden_op", "something else", "refused"),
        (400, "json_parse", "bad JSON", "refused"),
        (
            401,
            "unauthorized",
            "Unable to authenticate",
            "credentials_refused",
        ),
        (
            401,
            "auth_bad_access_token",
            "Unable to authenticate",
            "credentials_refused",
        ),
        (
            401,
            "group_authorization",
            "you have no permission to do this",
            "no_permission",
        ),
        (429, "resource_limited", "the plan's quota", "quota"),
        (408, "timeout", "too slow", "no_clear_answer"),
        (500, "internal", "oops", "no_clear_answer"),
        (503, "unavailable", "later", "no_clear_answer"),
    ] {
        assert_eq!(
            code(status, error, text),
            Some(expected),
            "{status} {error} {text}"
        );
    }
    assert_eq!(kind(429, "reach_limit", "slow down"), None);
    assert_eq!(kind(503, "reach_limit", "slow down"), None);
}

#[test]
fn the_words_say_that_the_call_rate_is_exceeded_whatever_the_code() {
    let maximum = "The request has reached the maximum limit";
    let api = "This request has reached api limit";
    for (status, error, text) in [
        (403, "forbidden_op", maximum),
        (403, "exceed_limit", "the request has reached the maximum limit."),
        (400, "invalid_parameter", maximum),
        (500, "internal", maximum),
        (403, "forbidden_op", api),
        (429, "reach_limit", api),
        (429, "too_many_requests", api),
    ] {
        assert_eq!(kind(status, error, text), None, "{status} {error} {text}");
    }
    let code = |status, error, text| kind(status, error, text).map(|kind| kind.code().as_str());
    for (status, error, text, expected) in [
        // A quota does not come back within a second, and another token is what a 401 needs.
        (429, "resource_limited", api, "quota"),
        (401, "unauthorized", maximum, "credentials_refused"),
        // Something else has a maximum.
        (
            403,
            "forbidden_op",
            "the admins of the group have reached the maximum limit",
            "refused",
        ),
    ] {
        assert_eq!(
            code(status, error, text),
            Some(expected),
            "{status} {error} {text}"
        );
    }
}

#[test]
fn answers_of_something_in_between() {
    let code = |status| {
        CallErrorKind::from_answer(status, b"<html>", Method::AddMany, &[]).map(|kind| kind.code().as_str())
    };
    assert_eq!(code(401), Some("credentials_refused"));
    assert_eq!(code(429), None);
    assert_eq!(code(302), Some("redirected"));
    for too_long in [413, 414] {
        assert_eq!(code(too_long), Some("request_too_long"));
    }
    for unknown in [405, 415, 501] {
        assert_eq!(code(unknown), Some("unknown_call"));
    }
    for unclear in [400, 403, 404, 500, 502, 503, 504] {
        assert_eq!(code(unclear), Some("no_clear_answer"), "{unclear}");
    }
}

#[test]
fn only_people_of_the_call_are_named() {
    let users = ["403", "ann", "group", "in"].map(|name| UserId::parse(name).unwrap());
    let named = |status, error: &str, text: &str| {
        let body = serde_json::json!({"error": error, "error_description": text}).to_string();
        let kind = CallErrorKind::from_answer(status, body.as_bytes(), Method::AddMany, &users).unwrap();
        let named = kind.message().map(|message| message.named.to_string());
        named.unwrap_or_default()
    };
    for (status, error, text, expected) in [
        (400, "illegal_argument", "username Ann doesn't exist!", "ann"),
        (400, "illegal_argument", "username bob doesn't exist!", ""),
        (
            403,
            "forbidden_op",
            "users [ann, bob] are not members of this group!",
            "ann",
        ),
        (
            403,
            "forbidden_op",
            "user ann has joined too many groups/chatroom!",
            "ann",
        ),
        (403, "weird_thing", "ann in group 403", ""),
        (403, "weird_thing", "user:in is not welcome in group 403", "in"),
        (403, "exceed_limit", "username ann", ""),
    ] {
        assert_eq!(named(status, error, text), expected, "{text}");
    }
}
