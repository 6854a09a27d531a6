//! Changes that say nothing, and files that are not there yet.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_count_puts_nothing_off() {
    let mut site = Site::new(|dir| write(dir.join("rooms/a.yaml"), &room(1, "ann"))).await;
    assert_eq!(site.taken().await, ["1 ann"]);
    let rooms = site.path("rooms");
    let churn = tokio::spawn(async move {
        for n in 0.. {
            fs::write(rooms.join("app.log"), n.to_string()).unwrap();
            fs::write(rooms.join(".a.yaml.swp"), n.to_string()).unwrap();
            // What is new may be a directory, and is looked at.
            fs::write(rooms.join("new.tmp"), "").unwrap();
            fs::remove_file(rooms.join("new.tmp")).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    for name in ["bob", "carl"] {
        write(site.path("rooms/a.yaml"), &room(1, name));
        assert_eq!(site.taken().await, [format!("1 {name}")]);
    }
    site.quiet().await;
    churn.abort();
    assert!(churn.await.unwrap_err().is_cancelled());
    site.following.stop().await;
}

#[tokio::test]
async fn a_single_file_and_what_it_is_not_there_yet() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conf/rooms.yaml");
    let following = FileSource::start(Follow {
        paths: vec![file.clone()],
        settings_file: None,
        room_defaults: RoomDefaults::default(),
        settle: SETTLE,
        remembered: roomsync::desired::Remembered::default(),
    });
    let mut site = Site { dir, following };
    assert_eq!(site.bad().await, ["unreadable"]);
    fs::create_dir(site.path("conf")).unwrap();
    write(&file, &room(1, "ann"));
    assert_eq!(site.taken().await, ["1 ann"]);
    write(site.path("conf/other.yaml"), &room(2, "zoe"));
    site.quiet().await;
    write(site.path("conf/new"), &room(1, "bob"));
    fs::rename(site.path("conf/new"), &file).unwrap();
    assert_eq!(site.taken().await, ["1 bob"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(site.bad().await, ["unreadable"]);
    // Dropped and not stopped, it ends too.
    drop(site);
}
