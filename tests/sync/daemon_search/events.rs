//! Everything that may happen to a daemon, in random order.

use super::case::{Case, RoomFile};
use super::model::ROOMS;
use super::random_spec::edited;
use super::weather::Weather;
use crate::service::room_id;
use std::fs;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Lets one random event happen.
pub(super) async fn happen(case: &mut Case) {
    match case.random.u8(0..22) {
        0..=5 => edit_files(case).await,
        6 | 7 => damage_files(case).await,
        8..=11 => drift(case),
        12 => move_everybody(case),
        13..=15 => change_weather(case),
        16 => change_token(case),
        17 => toggle_pause(case).await,
        18 => {
            // Other limits make for another client, while the calls of the one before go on.
            if case.random.bool() {
                case.concurrency = case.random.u8(1..=64);
                case.put_settings();
            }
            case.reload().await;
        }
        _ => restart(case).await,
    }
}

/// Lets a random time pass: often moments, at most `longest` seconds.
pub(super) async fn pass_time(case: &mut Case, longest: u64) {
    let time = match case.random.u8(0..10) {
        0..=2 => Duration::from_millis(case.random.u64(0..900)),
        3..=5 => Duration::from_millis(case.random.u64(900..8000)),
        6 | 7 => Duration::from_secs(case.random.u64(8..130)),
        8 => Duration::from_secs(case.random.u64(60..900.min(longest))),
        _ => Duration::from_secs(case.random.u64(60..longest)),
    };
    sleep(time).await;
    case.world().sample();
}

/// Ends every disturbance. The rooms stay as they are.
pub(super) async fn calm(case: &mut Case) {
    case.world().weather = Weather::Fine;
    case.house.put("token", "secret\n");
    if case.file_paused {
        case.file_paused = false;
        fs::remove_file(case.house.path(".roomsync/pause")).unwrap();
    }
    case.setting_paused = false;
    case.put_settings();
    case.world().paused = None;
    case.reload().await;
    case.write_last().await;
    case.log("calm");
}

async fn edit_files(case: &mut Case) {
    let base = if case.random.u8(0..6) == 0 {
        let world = case.world();
        let version = world.setup.seed as usize % world.written.len();
        world.written[version].clone()
    } else {
        case.last.clone()
    };
    let spec = edited(&mut case.random, &base);
    case.write_valid(spec).await;
}

/// Makes the room files invalid, takes their folder away, or cuts them.
async fn damage_files(case: &mut Case) {
    case.world().sample();
    let path = case.house.path("rooms/all.yaml");
    match case.random.u8(0..6) {
        0 => {
            case.restore_folder();
            case.log("invalid");
            case.house.rooms("rooms: [{id: 1, membrs: []}]\n");
            case.room_file = RoomFile::Invalid;
        }
        1 => {
            case.restore_folder();
            case.log("emptied in place");
            fs::write(&path, "").unwrap();
            case.room_file = RoomFile::Invalid;
        }
        2 if !case.folder_away => {
            case.log("the folder is gone");
            fs::rename(case.house.path("rooms"), case.house.path("away")).unwrap();
            case.folder_away = true;
        }
        // Only a process that has accepted the whole file recognises its beginning.
        _ if case.room_file == RoomFile::Whole && !case.folder_away && case.is_last_in_force() => {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let mut end = case.random.usize(1..text.len());
            if case.random.bool() {
                end = text[..end].rfind('\n').map_or(end, |newline| newline + 1);
            }
            case.log(format!("cut in place at {end} of {}", text.len()));
            fs::write(&path, &text[..end]).unwrap();
            case.room_file = if text[..end].ends_with('\n') {
                RoomFile::Cut
            } else {
                RoomFile::Invalid
            };
        }
        _ => case.restore_folder(),
    }
    case.pass_reads().await;
}

/// Lets a few people of one room come, go or change their role without roomsync.
fn drift(case: &mut Case) {
    let number = case.random.usize(1..=ROOMS);
    let kind = case.random.u8(0..8);
    let count = case.random.usize(1..6);
    let mut random = case.random.fork();
    case.log(format!("drift {kind} in room {number}"));
    case.house.service.emulator.edit(|state| {
        let room = state.rooms.get_mut(&room_id(number)).unwrap();
        for _ in 0..count {
            let user = format!("u{}", random.u8(0..20));
            match kind {
                0..=2 => {
                    room.leave_with_role(&user);
                }
                3 => {
                    room.join(&format!("s{}", random.u8(0..6)));
                }
                4 => {
                    room.join(["g0", "g1", "p0", "p1"][random.usize(0..4)]);
                }
                5 => {
                    room.join(&user);
                    room.promote(&user);
                }
                6 => {
                    room.demote(&user);
                }
                _ => {
                    room.join(&user);
                }
            }
        }
    });
}

/// Lets everybody leave a room, or join it.
fn move_everybody(case: &mut Case) {
    let joins = case.random.bool();
    let number = case.random.usize(1..=ROOMS);
    case.log(format!("all come in to {number}: {joins}"));
    case.house.service.emulator.edit(|state| {
        let room = state.rooms.get_mut(&room_id(number)).unwrap();
        for user in 0..20 {
            let user = format!("u{user}");
            if joins {
                room.join(&user)
            } else {
                room.leave_with_role(&user)
            };
        }
    });
}

fn change_weather(case: &mut Case) {
    let weather = Weather::random(&mut case.random);
    let mut world = case.world();
    world.weather = weather;
    world.log(format!("{weather:?}"));
}

fn change_token(case: &mut Case) {
    let good = case.random.bool();
    case.log(format!("the token is good: {good}"));
    let token = if good { "secret\n" } else { "not-the-one\n" };
    case.house.put("token", token);
}

async fn toggle_pause(case: &mut Case) {
    let by_file = case.random.bool();
    if by_file {
        case.file_paused = !case.file_paused;
        if case.file_paused {
            case.house.put(".roomsync/pause", "");
        } else {
            fs::remove_file(case.house.path(".roomsync/pause")).unwrap();
        }
    } else {
        case.setting_paused = !case.setting_paused;
        case.put_settings();
        case.reload().await;
    }
    let grace = Duration::from_millis(if by_file { 1050 } else { 20 });
    let paused = case.file_paused || case.setting_paused;
    let mut world = case.world();
    world.log(format!(
        "paused by file: {}, by setting: {}",
        case.file_paused, case.setting_paused
    ));
    world.paused = match (paused, world.paused) {
        (true, None) => Some((Instant::now(), grace)),
        (true, before) => before,
        (false, _) => None,
    };
}

async fn restart(case: &mut Case) {
    if case.random.bool() {
        case.stop().await;
    } else {
        case.kill().await;
    }
    if case.room_file == RoomFile::Cut {
        case.write_last().await;
    }
    if case.random.bool() {
        let gap = Duration::from_secs(case.random.u64(1..400));
        sleep(gap).await;
    }
    case.start();
}
