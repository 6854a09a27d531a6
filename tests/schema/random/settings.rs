//! Random settings.

use super::*;

pub(super) fn path() -> BoxedStrategy<String> {
    let paths = &[
        "a",
        "./a/b.yaml",
        "/x",
        "7",
        "1.5",
        "true",
        "\"a b\"",
        "\"\\u0001\"",
        "..",
        "\"null\"",
        "é",
        ".inf",
    ];
    text(paths, &["\"\"", "\"a\\0\"", "[a]", "null"])
}

pub(super) fn path_or_null() -> BoxedStrategy<String> {
    prop_oneof![3 => path(), 1 => select(&["null", "~"][..]).prop_map(str::to_owned)].boxed()
}

pub(super) fn truth() -> BoxedStrategy<String> {
    text(
        &["true", "false", "\"true\"", "'false'"],
        &["True", "yes", "1", "null", "off"],
    )
}

pub(super) fn whole(right: &'static [&'static str]) -> BoxedStrategy<String> {
    text(
        right,
        &["0", "-1", "10001", "\"\"", "1.5", "x", "1e2", "null", "0x10"],
    )
}

pub(super) fn duration() -> BoxedStrategy<String> {
    let right = &["0ms", "100ms", "500ms", "10s", "1m", "010m", "'5m'", "1h", "24h"];
    text(right, &["5", "5d", "99h", "1.5s", "\"\"", "null", "5 s"])
}

fn hex_id() -> BoxedStrategy<String> {
    let right = &[
        "970CA35de60c44645bbae8a215061b33",
        "'97012345678901234567890123456789'",
    ];
    text(
        right,
        &[
            "abc",
            "970CA35de60c44645bbae8a215061b3",
            "970CA35de60c44645bbae8a215061b3g",
            "null",
        ],
    )
}

fn client_id() -> BoxedStrategy<String> {
    text(
        &["YXA6-x_y", "7", "true", "\"a#b\""],
        &["a b", "é", "\"\"", "null"],
    )
}

pub(super) fn service() -> BoxedStrategy<String> {
    let urls = &[
        "https://a61.chat.agora.io",
        "\"HTTPS://X.example/\"",
        "http://127.0.0.1:8080",
        "\"http://[::1]:80/\"",
        "http://localhost",
        "https://münchen.example",
        "https://x:443",
        "http://127.1",
    ];
    let bad_urls = &[
        "ftp://x",
        "https://u:p@x",
        "\"https://x/?a\"",
        "\"https://x/#a\"",
        "https://x/v1",
        "x",
        "null",
        "http://x",
    ];
    let keys = &["\"org#app\"", "'61979408#1143303'", "org#app", "\"..a#.b\""];
    map(vec![
        ("url", 0.97, text(urls, bad_urls)),
        (
            "app_key",
            0.9,
            text(
                keys,
                &["org", "\"..#a\"", "\"a#.\"", "\"a#b#c\"", "\"#\"", "null"],
            ),
        ),
        ("app_id", 0.12, name()),
        (
            "auth",
            0.6,
            prop_oneof![
                6 => map(vec![("token_file", 0.9, path()), ("app_id", 0.03, hex_id())]),
                1 => map(vec![("app_id", 0.9, hex_id()), ("app_certificate_file", 0.9, path())]),
                1 => map(vec![("client_id", 0.9, client_id()), ("client_secret_file", 0.9, path())]),
                1 => map(vec![
                    ("token_file", 0.3, path()),
                    ("app_id", 0.3, hex_id()),
                    ("app_certificate_file", 0.3, path()),
                    ("client_id", 0.3, client_id()),
                    ("client_secret_file", 0.3, path()),
                ]),
            ]
            .boxed(),
        ),
        ("ca_file", 0.3, path_or_null()),
        ("timeout", 0.3, duration()),
        ("allow_http", 0.3, truth()),
    ])
}

/// Never on the address of the status page, of which the schema knows nothing.
fn webhook() -> BoxedStrategy<String> {
    let listen = text(
        &["127.0.0.1:9465", "0.0.0.0:1", "\"[::1]:9465\""],
        &["off", "localhost:9465", "9465", "null", "1.2.3.4"],
    );
    let path_of_requests = text(
        &["/hooks/agora", "/", "/a/", "'/A-z_0.9~'", "/...", "/.a"],
        &[
            "hooks", "//", "/a//b", "/..", "/./a", "\"/a?b\"", "/{id}", "\"/a b\"", "null", "7",
        ],
    );
    let map = map(vec![
        ("listen", 0.5, listen),
        ("path", 0.5, path_of_requests),
        ("secret_file", 0.9, path()),
        ("previous_secret_file", 0.4, path_or_null()),
        ("secret", 0.02, name()),
    ]);
    prop_oneof![8 => map, 1 => select(&["null", "~"][..]).prop_map(str::to_owned)].boxed()
}

pub(super) fn settings_file() -> BoxedStrategy<String> {
    let rates = map(vec![
        ("default", 0.5, whole(&["1", "50", "10000", "\"90\"", "007"])),
        ("list_admins", 0.5, whole(&["1", "50", "10000", "\"90\""])),
        ("add_many", 0.1, whole(&["1"])),
        ("everything", 0.03, whole(&["1"])),
    ]);
    let rates = prop_oneof![1 => rates, 1 => whole(&["1", "50", "10000"])];
    let limits = map(vec![
        ("calls_per_second", 0.4, rates.boxed()),
        (
            "share",
            0.4,
            text(
                &[
                    "1%", "50%", "100%", "100.00%", "33.3%", "'9.99%'", "007%", "010.5%",
                ],
                &["0.99%", "0%", "00.5%", "100.01%", "0100%", "50", "half", "null"],
            ),
        ),
        (
            "concurrency",
            0.4,
            whole(&["1", "64", "1024", "\"64\"", "0064", "'01024'"]),
        ),
        ("add_batch", 0.4, whole(&["1", "100", "\"60\""])),
        ("remove_batch", 0.4, whole(&["1", "100"])),
        ("bulk_reads", 0.4, truth()),
        ("strict", 0.4, truth()),
    ]);
    let mut guards = room_guards();
    guards.push(("max_removals_total", 0.4, bound()));
    let sync = map(vec![
        ("interval", 0.5, duration()),
        ("settle", 0.3, duration()),
        ("paused", 0.5, truth()),
    ]);
    let listen = &[
        "off",
        "\"off\"",
        "127.0.0.1:9464",
        "0.0.0.0:0",
        "\"[::1]:9464\"",
        "\"[fe80::1%3]:1\"",
        "\"[::ffff:1.2.3.4]:1\"",
    ];
    let rooms = prop_oneof![
        1 => text(&["rooms/", "a.yaml", "\"7\"", "é"], &["7", "true", "\"\"", "null", "{a: b}"]),
        1 => list(path()),
    ];
    map(vec![
        ("service", 0.98, service()),
        ("rooms", 0.5, rooms.boxed()),
        ("limits", 0.5, limits),
        ("guards", 0.4, map(guards)),
        ("sync", 0.4, sync),
        ("webhook", 0.3, webhook()),
        ("state_dir", 0.3, path()),
        (
            "listen",
            0.4,
            text(listen, &["localhost:1", "false", "9464", "null", "1.2.3.4"]),
        ),
        ("status_page", 0.3, truth()),
        ("report_unmanaged", 0.3, truth()),
        (
            "allowed_hosts",
            0.3,
            list(text(
                &["a", "\"A.b\"", "x-1.example", "7"],
                &["http://a", "a:1", "\"\"", "a..b", "null", "é"],
            )),
        ),
        ("status_token_file", 0.3, path_or_null()),
        ("admin_token_file", 0.3, path_or_null()),
        ("audit_log", 0.3, path_or_null()),
        ("version", 0.3, version()),
        ("token", 0.02, name()),
    ])
}
