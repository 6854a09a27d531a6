//! A day on which nothing happens.

use super::*;

/// Resident memory of this process, in KiB.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_quiet_day_makes_no_write_and_needs_no_more_memory() {
    // In a process of its own, where nothing else takes memory.
    if std::env::var_os("ROOMSYNC_TEST_DAY").is_none() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "daemon::a_quiet_day_makes_no_write_and_needs_no_more_memory",
                "--exact",
                "--nocapture",
            ])
            .env("ROOMSYNC_TEST_DAY", "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout).into_owned();
        println!("{told}");
        assert!(
            child.status.success(),
            "{told}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let rooms = (1..=20).map(|n| (room_id(n), room_of("alice", &[], &refs(&names(0..20)))));
    house(Service::new(state(rooms)), "", async |house: House| {
        let list = names(0..20).join(", ");
        let room = |n| format!("  - {{id: {}, members: [{list}]}}\n", room_id(n));
        house.rooms(&format!("rooms:\n{}", (1..=20).map(room).collect::<String>()));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let mut seen = Vec::new();
        for _ in 0..24 {
            sleep(minutes(60)).await;
            house.service.emulator.clear_journal();
            let sent = house.service.take_sent();
            assert!(sent.len() >= 11 * 21, "it looks: {}", sent.len());
            assert!(sent.iter().all(|(method, ..)| method == Http::GET));
            drop(sent);
            seen.push(memory());
        }
        daemon.stop().await;
        println!("memory by the hour, KiB: {seen:?}");
        let growth = seen[23].saturating_sub(seen[5]);
        assert!(growth < 2048, "grew by {growth} KiB: {seen:?}");
    });
}
