//! The file that pauses the daemon.

use super::*;

#[test]
fn a_pause_says_since_when_by_whom_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    let mut file = store.pause();
    assert_eq!(file.find().unwrap(), None);
    let path = dir.path().join("pause");
    let mut why = |text: &str| {
        fs::write(&path, text).unwrap();
        // Its time moves by more than the file system's clock ticks, so that the text is read again.
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + text.len() as u64);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(written)
            .unwrap();
        let pause = file.find().unwrap().unwrap();
        assert_eq!(
            u64::try_from(pause.since.as_second()),
            Ok(1_000 + text.len() as u64)
        );
        assert!(!pause.by.is_empty());
        pause.why
    };
    assert_eq!(why(""), None);
    assert_eq!(why("  \nbelow\n"), None);
    assert_eq!(
        why("a deploy, until 15:00 \nmore\n").as_deref(),
        Some("a deploy, until 15:00")
    );
    assert_eq!(why("\u{1b}[31mred").as_deref(), Some("\\u{1b}[31mred"));
    assert_eq!(why(&"x".repeat(5_000)).map(|why| why.len()), Some(200));
    // What is no file pauses as well, and is not waited for.
    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, makedev(0, 0)).unwrap();
    assert_eq!(file.find().unwrap().unwrap().why, None);
    fs::remove_file(&path).unwrap();
    assert_eq!(file.find().unwrap(), None);
}
