use super::super::call::Call;
use super::super::classify::{PathPrefix, classify};
use super::super::wire::Method;
use super::*;
use crate::model::{RoomId, UserId};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

#[test]
fn retry_after_is_seconds_or_a_date() {
    let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
    let seconds = |text| retry_after(text, Some(&date)).map(|wait| wait.as_secs());
    assert_eq!(seconds("0"), Some(0));
    assert_eq!(seconds(" 120 "), Some(120));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0), "it is past");
    for none in ["", "-1", "1.5", "soon", "Sun, 31 Nov 1994 08:50:07 GMT"] {
        assert_eq!(seconds(none), None, "{none:?}");
    }
    let long_past = retry_after("Sun, 06 Nov 1994 08:50:07 GMT", None);
    assert_eq!(long_past, Some(Duration::ZERO), "against our own clock");
}

/// A server that answers each connection's request with `{}`, and hands on its head, in lower case.
fn server() -> (Url, mpsc::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heads, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head = lines.map(|line| line.unwrap().to_lowercase());
            let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
            if heads.send(head).is_err() {
                return;
            }
        }
    });
    (base.parse().unwrap(), received)
}

#[tokio::test]
async fn a_post_has_a_length_and_a_get_or_delete_has_no_body() {
    let (base, heads) = server();
    let transport = HttpTransport::new(&base, None, Duration::from_secs(10)).unwrap();
    let prefix = PathPrefix::new("acme", "demo").unwrap();
    let room = RoomId::parse("77").unwrap();
    let [ann, bob] = ["ann", "bob"].map(|name| UserId::parse(name).unwrap());
    let both = [ann.clone(), bob];
    let calls = [
        (Call::add_one(&room, &ann), Some(0)),
        (
            Call::add_many(&room, &both),
            Some(r#"{"usernames":["ann","bob"]}"#.len()),
        ),
        (Call::list_members(&room, 1, 1000), None),
        (Call::remove_one(&room, &ann), None),
        (Call::remove_many(&room, &both), None),
        (Call::promote(&room, &ann), Some(r#"{"newadmin":"ann"}"#.len())),
        (Call::list_admins(&room), None),
        (Call::demote(&room, &ann), None),
        (Call::room_detail(&[&room]), None),
        (Call::list_rooms(100, None), None),
        (Call::list_allowed(&room), None),
        (
            Call::allow_many(&room, &both),
            Some(r#"{"usernames":["ann","bob"]}"#.len()),
        ),
        (Call::disallow_many(&room, &both), None),
    ];
    let mut methods = Vec::new();
    for (call, length) in calls {
        let (method, url) = (call.http_method(), call.url(&base, &prefix).unwrap());
        methods.extend(classify(&method, &url, &prefix));
        let request = Request {
            method: method.clone(),
            url,
            token: Some("t0k3n".into()),
            body: call.body.clone(),
        };
        assert_eq!(transport.send(request).await.unwrap().status, 200);
        let head = heads.recv().unwrap();
        assert!(
            head[0].starts_with(&format!("{method} ").to_lowercase()),
            "{head:?}"
        );
        let lengths: Vec<&String> = head
            .iter()
            .filter(|line| line.starts_with("content-length") || line.starts_with("transfer-encoding"))
            .collect();
        let expected = length.map(|length| format!("content-length: {length}"));
        assert_eq!(lengths, expected.iter().collect::<Vec<_>>(), "{head:?}");
        assert!(
            head.contains(&"authorization: bearer t0k3n".to_owned()),
            "{head:?}"
        );
    }
    assert_eq!(methods, Method::ALL);
}
