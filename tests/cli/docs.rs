//! What `--help` and the README say.

use super::service::Service;
use super::site::{Run, roomsync};
use std::fs;
use std::path::Path;

#[test]
fn help_and_the_console_blocks_of_the_readme() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd")
        .case("README.md");
}

/// The README's blocks of this language, in order.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let begins = readme.split(&fence).skip(1);
    begins
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

#[test]
fn the_rehearsal_goes_as_the_readme_tells_it() {
    let readme = fs::read_to_string("README.md").unwrap();
    let site = Path::new("examples/rehearsal");
    let read = |name: &str| fs::read_to_string(site.join(name)).unwrap();
    assert_eq!(blocks(&readme, "yaml"), [read("rooms/team.yaml")]);

    let service = Service::start(&read("state.yaml"));
    let told = blocks(&readme, "text");
    assert_eq!(told.len(), 2);
    for block in told {
        let (command, output) = block.split_once('\n').unwrap();
        let args: Vec<&str> = command.strip_prefix("$ roomsync ").unwrap().split(' ').collect();
        let run = Run::of(roomsync(site).args(args).env("ROOMSYNC_URL", service.url())).ends_with(3);
        assert_eq!(run.stdout, output, "{command}");
    }
}
