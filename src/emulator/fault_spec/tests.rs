//! Faults are written as they are read.

use crate::emulator::Fault;

#[test]
fn what_is_read_is_written_the_same() {
    for (text, whole) in [
        ("add_many@3:reset:after", "add_many@3:reset:after"),
        ("any%0.05,seed=7:502", "any%0.05,seed=7:502:before"),
        ("any%1:timeout", "any%1:timeout:before"),
        ("reads/7:slow=2s", "reads/7:slow=2000ms:before"),
        (
            "writes@2-9:429=resource_limited",
            "writes@2-9:429=resource_limited:before",
        ),
        (
            r#"promote:403={"error":"a:b"}:after"#,
            r#"promote:403={"error":"a:b"}:after"#,
        ),
        ("any:html", "any:html=502:before"),
        (
            "list_members@2:join=zoe+Yan",
            "list_members@2:join=zoe+yan:before",
        ),
        ("list_members@2:leave=zoe:after", "list_members@2:leave=zoe:after"),
        ("reads:stale=3", "reads:stale=3"),
        ("room_detail/2:rows=0", "room_detail/2:rows=0"),
        ("any@5:expired", "any@5:expired"),
        ("any@5:expired=3", "any@5:expired=3"),
        ("list_admins:budget=90", "list_admins:budget=90"),
        ("any@1:truncated", "any@1:truncated"),
        ("any@1:oversized", "any@1:oversized"),
        (
            "add_many,poison=Zoe+yan,max_body=9@2:reset",
            "add_many,poison=zoe+yan,max_body=9@2:reset:before",
        ),
        ("any,max_path=2048:414", "any,max_path=2048:414:before"),
        (
            "room_detail,several,room=7:404",
            "room_detail,several,room=7:404:before",
        ),
        ("writes,no_length/3:411", "writes,no_length/3:411:before"),
        ("reads:page=50", "reads:page=50"),
        ("list_members:page=50+told", "list_members:page=50+told"),
        ("list_members/2:owner=3", "list_members/2:owner=3"),
        ("list_members:shuffled", "list_members:shuffled"),
        ("list_members:unsorted=7", "list_members:unsorted=7"),
        ("list_members:past_end=404", "list_members:past_end=404"),
        ("room_detail:object", "room_detail:object"),
        ("room_detail:fields=id+owner", "room_detail:fields=id+owner"),
        ("any:without=params+count", "any:without=params+count"),
        (
            "events,poison=Zoe,room=7%0.1,seed=3:lost",
            "events,poison=zoe,room=7%0.1,seed=3:lost",
        ),
        ("events:repeated", "events:repeated"),
        ("events/2:repeated=3s", "events/2:repeated=3000ms"),
        ("events@1-4:late=1m", "events@1-4:late=60000ms"),
    ] {
        let fault = Fault::parse(text).unwrap();
        assert_eq!(fault.to_string(), whole);
        assert_eq!(Fault::parse(whole), Ok(fault));
    }
}

#[test]
fn every_mistake_is_named() {
    let problems = [
        "",
        "reset",
        "add@1:reset",
        "any@0:reset",
        "any@3-2:reset",
        "any/0:reset",
        "any%1.5:reset",
        "any%0.5,sed=1:reset",
        "any@x:reset",
        "any:",
        "any:explode",
        "any:302",
        "any:600",
        "any:reset=1",
        "any:slow",
        "any:slow=5",
        "any:html=99",
        "any:stale=0",
        "any:rows=few",
        "any:join=",
        "any:join=a+..",
        "any:expired=x",
        "any:budget=-1",
        "any:502=Bad Kind",
        "any:truncated:after",
        "any:reset:later",
        "any,:reset",
        "any,poison=..:reset",
        "any,max_path=long:414",
        "any,room=x:404",
        "any,several=2:404",
        "any:page=0",
        "any:owner=0",
        "any:shuffled=x",
        "any:past_end=500",
        "any:object=1",
        "any:fields=",
        "any:without=a-b",
        "any:page=50:after",
    ]
    .map(|text| Fault::parse(text).unwrap_err().to_string());
    insta::assert_snapshot!(problems.join("\n"), @r#"
    a fault is written CALLS[,ONLY][WHEN]:WHAT, such as add_many@3:reset
    a fault is written CALLS[,ONLY][WHEN]:WHAT, such as add_many@3:reset
    "add" is no choice of calls: take any, reads, writes, events or a method such as add_many
    "@0" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "@3-2" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "/0" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "%1.5" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "%0.5,sed=1" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "@x" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
    "" is nothing that can happen to a call; `--help` lists what can
    "explode" is nothing that can happen to a call; `--help` lists what can
    "302" is nothing that can happen to a call; `--help` lists what can
    "600" is nothing that can happen to a call; `--help` lists what can
    reset=1: it takes no value
    slow=: a duration is needed, such as 500ms
    slow=5: a duration is needed, such as 500ms
    html=99: a status from 200 to 599 is needed
    stale=0: a number of changes is needed, from 1
    rows=few: a number of people is needed, from 0
    join=: usernames are needed, as in zoe+yan
    join=a+..: usernames are needed, as in zoe+yan
    expired=x: a number of calls is needed, from 1
    budget=-1: a number of calls is needed, from 1
    502=Bad Kind: an error's kind such as forbidden_op is needed, or a JSON object
    truncated has its own place, leave `:before` and `:after` out
    "reset:later" is nothing that can happen to a call; `--help` lists what can
    "" is no condition of a call: take poison=U+U..., max_path=N, max_body=N, room=ID, several or no_length
    "poison=.." is no condition of a call: usernames are needed, as in poison=zoe+yan
    "max_path=long" is no condition of a call: a number of bytes is needed, as in max_path=2048
    "room=x" is no condition of a call: a room's id is needed, as in room=66213271109633
    "several=2" is no condition of a call: take poison=U+U..., max_path=N, max_body=N, room=ID, several or no_length
    page=0: a number of rows is needed, from 1, as in page=50 or page=50+told
    owner=0: the number of a row is needed, from 1
    shuffled=x: a seed is a number; it can be left out
    past_end=500: 400 or 404 is needed
    object=1: it takes no value
    fields=: names of fields are needed, as in id+name
    without=a-b: names of fields are needed, as in params+count
    page=50 has its own place, leave `:before` and `:after` out
    "#);
}
