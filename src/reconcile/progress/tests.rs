use super::*;
use tokio::time::sleep;

fn share(method: &'static str, used: usize, limit: usize) -> Share {
    Share {
        method,
        used,
        limit,
        configured: 100,
    }
}

fn told(stand: &Stand, shares: &[Share]) -> String {
    outlook(stand, shares).to_string()
}

#[test]
fn an_apply_takes_as_long_as_its_busiest_method() {
    let stand = Stand {
        calls: 1700,
        left: Calls {
            add_many: 1360,
            promote: 0,
            demote: 10,
            remove_one: 0,
            remove_many: 200,
            ..Calls::default()
        },
        calls_per_second: 97.4,
        ..Stand::default()
    };
    let shares = [
        share("add_many", 97, 100),
        share("demote", 1, 100),
        share("remove_many", 40, 100),
    ];
    assert_eq!(
        told(&stand, &shares),
        "130/1700 calls · 97/s · 97 % of add_many's budget · 14 s left"
    );
    // With few calls allowed, the method with fewer calls takes longer.
    let slowed = [shares[0], shares[1], share("remove_many", 12, 10)];
    assert_eq!(
        told(&stand, &slowed),
        "130/1700 calls · 97/s · 100 % of remove_many's budget · 20 s left · slowed to 10 of 100/s by the service"
    );
}

#[test]
fn when_all_calls_are_made_their_rooms_are_looked_at_again() {
    let stand = Stand {
        calls: 3,
        calls_per_second: 1.5,
        ..Stand::default()
    };
    assert_eq!(
        told(&stand, &[share("add_many", 3, 100)]),
        "3/3 calls · 2/s · looking again"
    );
}

#[test]
fn a_look_takes_no_less_than_its_admin_lists() {
    let stand = Stand {
        rooms: 10_000,
        looked: 1_000,
        looks_per_second: 250.0,
        ..Stand::default()
    };
    let shares = [share("list_admins", 96, 100), share("list_members", 50, 100)];
    assert_eq!(
        told(&stand, &shares),
        "1000/10000 rooms · 250/s · 96 % of list_admins's budget · 1 min 30 s left"
    );
    let slow = Stand {
        looks_per_second: 2.0,
        ..stand
    };
    assert_eq!(
        told(&slow, &[shares[0], share("list_members", 99, 100)]),
        "1000/10000 rooms · 2/s · 99 % of list_members's budget · 1 h 15 min left"
    );
    // Before anything came there is no rate, but the budget is known.
    let first = Stand {
        rooms: 50,
        ..Stand::default()
    };
    assert_eq!(
        told(&first, &shares),
        "0/50 rooms · 0/s · 96 % of list_admins's budget · 1 s left"
    );
}

#[test]
fn passes_that_run_side_by_side_are_told_together() {
    let look = Stand {
        rooms: 100,
        looked: 10,
        looks_per_second: 10.0,
        ..Stand::default()
    };
    let apply = Stand {
        calls: 20,
        left: Calls {
            add_many: 5,
            ..Calls::default()
        },
        calls_per_second: 5.0,
        ..Stand::default()
    };
    let both = look.and(apply);
    let outlook = outlook(&both, &[share("add_many", 5, 100)]);
    assert_eq!((outlook.done, outlook.of), (15, 20));
    assert_eq!(
        outlook.left,
        Some(Duration::from_secs(9)),
        "the look takes longer"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_what_was_done_lately() {
    let progress = Progress::of_rooms(100);
    for _ in 0..50 {
        sleep(Duration::from_millis(100)).await;
        progress.looked();
    }
    let stand = progress.stand();
    assert_eq!((stand.rooms, stand.looked), (100, 50));
    assert!((9.0..=11.0).contains(&stand.looks_per_second), "{stand:?}");
    sleep(Duration::from_secs(6)).await;
    assert!(progress.stand().looks_per_second < f64::EPSILON);
    progress.apply(Calls {
        add_many: 2,
        remove_one: 1,
        remove_many: 3,
        ..Calls::default()
    });
    for op in [Op::Add, Op::Remove, Op::Remove] {
        progress.called(op);
    }
    let stand = progress.stand();
    assert_eq!((stand.looked, stand.calls, stand.made()), (100, 6, 3));
    let left = stand.left;
    assert_eq!((left.add_many, left.remove_one + left.remove_many), (1, 2));
    // A call that was not foreseen, as after a batch that had to be parted, does not count below nothing.
    (0..9).for_each(|_| progress.called(Op::Add));
    assert_eq!(progress.stand().made(), 4);
}
