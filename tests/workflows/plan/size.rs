//! Size of the comment, which GitHub bounds.

use super::*;

#[test]
fn the_comment_stays_within_what_github_takes() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    let many: String = (100..2100)
        .map(|count| format!(", {}{count}", "x".repeat(60)))
        .collect();
    place.write(
        "rooms/team.yaml",
        &format!("rooms:\n  - {{id: 7, members: [bob, dan{many}]}}\n"),
    );
    place.write("roomsync.yaml", &settings(&place.elsewhere_url));
    let ran = github(&place);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let planned = fs::metadata(place.path("temp/plan.md")).unwrap().len();
    assert!(planned > 64_000, "{planned}");
    // With the address of its run as long as one can be, too.
    let made = place.api.made().pop().unwrap();
    let of_run = "https://example.com/acme/rooms/actions/runs/1";
    assert!(made.contains(of_run) && made.contains("x".repeat(60).as_str()));
    let longest = "https://github.com//actions/runs/12345678901".len() + 39 + 100;
    assert!(made.len() - of_run.len() + longest <= 65_536, "{}", made.len());
    let shown = fs::read_to_string(place.path("temp/summary")).unwrap();
    assert_eq!(shown, made);

    // Where it still does not fit, the comment says where the plan is.
    let head = place.request();
    let server = format!("https://{}example.com", "x.".repeat(1_000));
    github_at(&place, head, &server);
    let made = place.api.made().pop().unwrap();
    assert!(made.starts_with(MARKER) && made.len() < 4_000, "{made}");
    assert!(made.contains("in the summary of the run") && made.contains("not show what that does"));
    let shown = fs::read_to_string(place.path("temp/summary")).unwrap();
    assert!(shown.contains("x".repeat(60).as_str()));
}
