//! A disk that hangs, as a network folder does that is away.

use super::*;
use crate::disk::hang;

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_bad_and_once_it_is_back_things_go_on_by_themselves() {
    // Until the thread that waits has seen that it is back, more virtual time may go by than it takes.
    const LONG: Duration = Duration::from_secs(1_000_000);
    let time_limit = TimeLimit {
        limit: Duration::from_millis(200),
        before: hang,
    };
    let other = tempfile::tempdir().unwrap();
    fs::write(
        other.path().join("a.yaml"),
        format!("{ONE}  - id: 2\n    members: [ann]\n"),
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("a.yaml.hangs");
    fs::write(dir.path().join("a.yaml"), ONE).unwrap();
    fs::write(&mark, "").unwrap();
    let following = FileSource::with(follow(dir.path()), |_| Watch::blind(), time_limit);
    let mut site = Site { dir, following };
    // At the start.
    assert_eq!(codes(site.within(LONG).await), ["slow-disk"]);
    fs::remove_file(&mark).unwrap();
    assert_eq!(rooms(site.within(LONG).await), 1);
    // While it runs; it is said once.
    fs::write(&mark, "").unwrap();
    let bad = site.look().await;
    match &bad {
        Some((Event::Bad(diagnostics), _)) => {
            let path = site.dir.path().join("a.yaml");
            let message = format!(
                "reading {} takes longer than 0.2 s; is its disk reachable?",
                path.display()
            );
            assert_eq!(diagnostics[0].message, message);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(codes(bad), ["slow-disk"]);
    assert!(site.within(Duration::from_secs(600)).await.is_none());
    // Whoever names other files meanwhile is heeded.
    site.following.change(follow(other.path()));
    assert_eq!(rooms(site.within(LONG).await), 1);
    assert_eq!(rooms(site.within(LONG).await), 2);
    site.following.change(follow(site.dir.path()));
    assert_eq!(rooms(site.within(LONG).await), 2);
    assert_eq!(codes(site.within(LONG).await), ["slow-disk"]);
    // Back, with another content.
    site.replace("a.yaml", TWO);
    fs::remove_file(&mark).unwrap();
    assert_eq!(rooms(site.within(LONG).await), 1);
    // Back, as before.
    fs::write(&mark, "").unwrap();
    assert_eq!(codes(site.look().await), ["slow-disk"]);
    fs::remove_file(&mark).unwrap();
    assert!(is_as_before(&site.within(LONG).await));
    site.following.stop().await;
}
