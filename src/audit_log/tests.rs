use super::{AuditLog, Outcomes, PassLine, SentLine};
use crate::disk::Fsync;
use crate::disk::gate::Gate;
use crate::model::{Op, ReasonCode, RoomId, UserId};
use crate::status::Change;
use jiff::Timestamp;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{advance, timeout};

fn room() -> RoomId {
    RoomId::parse("7").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn change(name: &str, result: &str) -> Change {
    Change {
        time: Timestamp::UNIX_EPOCH,
        room: room(),
        user: user(name),
        op: Op::Add,
        plan: "sha256:1".into(),
        revision: Some("5ca1ab1e".into()),
        file: Some("rooms/a.yaml".into()),
        line: Some(3),
        result: result.into(),
    }
}

fn outcomes<'a>(call: u64, names: &[&str], result: &str, message: Option<&'a str>) -> Outcomes<'a> {
    Outcomes {
        call,
        changes: names.iter().map(|name| change(name, result)).collect(),
        message,
    }
}

fn sent(names: &[&str]) -> SentLine {
    SentLine {
        time: Timestamp::UNIX_EPOCH,
        plan: "sha256:1".into(),
        room: room(),
        op: Op::Add,
        users: names.iter().map(|name| user(name)).collect(),
    }
}

fn pass() -> PassLine {
    PassLine {
        plan: "sha256:1".into(),
        revision: None,
        rooms: 1,
        changes: 2,
        calls: 1,
    }
}

fn log_to(path: PathBuf, fsync: Fsync) -> AuditLog {
    let started = Timestamp::from_millisecond(0xbeef).unwrap();
    AuditLog::new(Some(path), fsync, started, &Arc::default())
}

fn log(path: PathBuf) -> AuditLog {
    log_to(path, Fsync::default())
}

#[tokio::test(start_paused = true)]
async fn each_call_has_a_line_before_it_and_each_change_one_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let mut audit = log(path.clone());
    let first = audit.sends(sent(&["bob", "zed"]));
    audit.writer().written().await.unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap().lines().count(),
        1,
        "before the call"
    );
    audit.record(outcomes(first, &["bob"], "done", None));
    audit.record(outcomes(first, &["zed"], "no_such_user", Some("no")));
    for _ in 0..2 {
        let again = audit.sends(sent(&["zed"]));
        audit.record(outcomes(again, &["zed"], "no_such_user", Some("no")));
    }
    let last = audit.sends(sent(&["zed"]));
    audit.record(outcomes(last, &["zed"], "done", None));
    let late = audit.sends(sent(&["carol"]));
    audit.not_sent(Timestamp::UNIX_EPOCH, late, ReasonCode::StaleRead, "too late");
    audit.writer().written().await.unwrap();
    fs::rename(&path, dir.path().join("old")).unwrap();
    audit.reopen(Some(path.clone()));
    let other = audit.sends(sent(&["dan"]));
    audit.record(outcomes(other, &["dan"], "done", None));
    audit.writer().written().await.unwrap();
    let old = fs::read_to_string(dir.path().join("old")).unwrap();
    insta::assert_snapshot!(old, @r#"
    {"time":"1970-01-01T00:00:00Z","event":"sent","call":"beef-1","plan":"sha256:1","room":"7","op":"add","users":["bob","zed"]}
    {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done","call":"beef-1"}
    {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"no_such_user","call":"beef-1","message":"no"}
    {"time":"1970-01-01T00:00:00Z","event":"sent","call":"beef-2","plan":"sha256:1","room":"7","op":"add","users":["zed"]}
    {"time":"1970-01-01T00:00:00Z","event":"again","call":"beef-2","room":"7","op":"add","users":["zed"],"result":"no_such_user"}
    {"time":"1970-01-01T00:00:00Z","event":"sent","call":"beef-3","plan":"sha256:1","room":"7","op":"add","users":["zed"]}
    {"time":"1970-01-01T00:00:00Z","event":"again","call":"beef-3","room":"7","op":"add","users":["zed"],"result":"no_such_user"}
    {"time":"1970-01-01T00:00:00Z","event":"sent","call":"beef-4","plan":"sha256:1","room":"7","op":"add","users":["zed"]}
    {"time":"1970-01-01T00:00:00Z","room":"7","user":"zed","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done","call":"beef-4","failures":2}
    {"time":"1970-01-01T00:00:00Z","event":"sent","call":"beef-5","plan":"sha256:1","room":"7","op":"add","users":["carol"]}
    {"time":"1970-01-01T00:00:00Z","event":"not_sent","call":"beef-5","result":"stale_read","message":"too late"}
    "#);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_found_out_by_a_line_and_what_it_kept_out_is_written_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let at = |minutes: i64| Timestamp::from_second(60 * minutes).unwrap();
    let mut audit = log("/dev/full".into());
    let writer = audit.writer();
    writer.check(at(0));
    assert_eq!(writer.written().await, Ok(()), "nothing was to be written yet");
    writer.prove(at(1), pass()).await.unwrap_err();
    let error = "cannot write the audit log /dev/full: the disk is full".to_owned();
    assert_eq!(writer.trouble(), Some(error.clone()));
    audit.record(outcomes(1, &["bob"], "done", None));
    assert_eq!(writer.written().await, Err(error.clone()));
    writer.check(at(3));
    assert_eq!(writer.written().await, Err(error.clone()));
    let path = dir.path().join("audit.jsonl");
    audit.reopen(Some(path.clone()));
    assert_eq!(
        writer.written().await,
        Err(error),
        "nothing has gone to the other file yet"
    );
    writer.check(at(4));
    writer.check(at(5));
    writer.prove(at(6), pass()).await.unwrap();
    assert_eq!(writer.trouble(), None);
    insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
    {"time":"1970-01-01T00:00:00Z","room":"7","user":"bob","op":"add","plan":"sha256:1","revision":"5ca1ab1e","file":"rooms/a.yaml","line":3,"result":"done","call":"beef-1"}
    {"time":"1970-01-01T00:04:00Z","event":"resumed","since":"1970-01-01T00:01:00Z","error":"the disk is full"}
    {"time":"1970-01-01T00:06:00Z","event":"pass","plan":"sha256:1","revision":null,"rooms":1,"changes":2,"calls":1}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_keeps_only_those_waiting_who_await_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let gate = Gate::default();
    let mut audit = log_to(path.clone(), gate.fsync());
    gate.shut();
    let writer = audit.writer();
    let mut proof = tokio::spawn(async move { writer.prove(Timestamp::UNIX_EPOCH, pass()).await });
    tokio::task::yield_now().await;
    gate.until_one_waits();
    for n in 0..100 {
        audit.record(outcomes(1, &[&format!("u{n}")], "done", None));
    }
    assert_eq!(audit.writer().trouble(), None);
    for _ in 0..60 {
        advance(Duration::from_millis(100)).await;
        assert!(timeout(Duration::ZERO, &mut proof).await.is_err());
    }
    gate.open();
    proof.await.unwrap().unwrap();
    assert_eq!(audit.writer().written().await, Ok(()));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 101);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_file_is_told_with_its_path() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut audit = log(pipe.clone());
    for (path, why) in [
        (pipe, "it is a pipe; name a file"),
        (dir.path().join("no/audit.jsonl"), "the folder does not exist"),
        (dir.path().to_owned(), "this is a folder; name a file in it"),
    ] {
        audit.reopen(Some(path.clone()));
        audit.sends(sent(&["bob"]));
        let refused = audit.writer().written().await;
        let expected = format!("cannot write the audit log {}: {why}", path.display());
        assert_eq!(refused, Err(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_path_nothing_is_kept() {
    let mut audit = log("/dev/full".into());
    audit.sends(sent(&["bob"]));
    audit.writer().written().await.unwrap_err();
    audit.reopen(None);
    let call = audit.sends(sent(&["eve"]));
    audit.record(outcomes(call, &["eve"], "done", None));
    audit.writer().check(Timestamp::UNIX_EPOCH);
    assert_eq!(audit.writer().written().await, Ok(()));
    audit.writer().prove(Timestamp::UNIX_EPOCH, pass()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_file_is_closed_to_others_and_one_that_is_there_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let new = dir.path().join("new");
    let mut audit = log(new.clone());
    audit.sends(sent(&["bob"]));
    audit.writer().written().await.unwrap();
    assert_eq!(mode(&new) & !0o640, 0, "{:o}", mode(&new));
    for kept in [0o600, 0o644, 0o662] {
        let there = dir.path().join(kept.to_string());
        fs::write(&there, "").unwrap();
        fs::set_permissions(&there, Permissions::from_mode(kept)).unwrap();
        audit.reopen(Some(there.clone()));
        audit.sends(sent(&["bob"]));
        audit.writer().written().await.unwrap();
        assert_eq!(mode(&there), kept);
    }
}
