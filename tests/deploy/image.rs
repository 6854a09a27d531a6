//! What the image and the Debian package are made of.

use std::fs;
use std::path::Path;

const DOCKERFILE: &str = "deploy/docker/Dockerfile";

fn manifest() -> String {
    fs::read_to_string("Cargo.toml").unwrap()
}

/// The text between quotes after this.
#[track_caller]
fn quoted(text: &str, before: &str) -> String {
    let rest = text.split_once(&format!("{before} = \"")).unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

#[test]
fn the_image_is_of_this_version_and_built_by_the_compiler_that_is_asked_for() {
    let dockerfile = fs::read_to_string(DOCKERFILE).unwrap();
    let (build, image) = dockerfile.split_once("\nFROM scratch\n").unwrap();
    let rust = quoted(&manifest(), "rust-version");
    assert!(build.contains(&format!(
        "\nFROM docker.io/library/rust:{rust}-slim-bookworm AS build\n"
    )));
    let version = quoted(&manifest(), "\nversion");
    assert!(image.contains(&format!("ARG VERSION={version}\n")));
    assert!(image.contains(&quoted(&manifest(), "\nlicense")));
    assert!(image.contains(&quoted(&manifest(), "\ndescription")));
}

#[test]
fn the_image_takes_the_build_alone_and_runs_as_the_user_of_the_manifests() {
    let dockerfile = fs::read_to_string(DOCKERFILE).unwrap();
    let image = dockerfile.split_once("\nFROM scratch\n").unwrap().1;
    let copied: Vec<&str> = image
        .lines()
        .filter(|line| line.starts_with("COPY") || line.starts_with("ADD"))
        .collect();
    assert_eq!(copied.len(), 2);
    assert!(copied.iter().all(|line| line.starts_with("COPY --from=build ")));
    // Without a shell nothing else could run.
    assert!(!image.contains("\nRUN ") && !image.contains("CMD roomsync"));
    for line in [
        "USER 65532:65532",
        "STOPSIGNAL SIGTERM",
        "ENTRYPOINT [\"/usr/bin/roomsync\"]",
    ] {
        assert!(image.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn all_that_the_package_takes_is_there() {
    let manifest = manifest();
    let package = manifest.split_once("[package.metadata.deb]").unwrap().1;
    let assets = package
        .split_once("assets = [")
        .unwrap()
        .1
        .split_once("\n]")
        .unwrap()
        .0;
    let mut sources = Vec::new();
    for asset in assets.lines().filter(|line| line.contains("[\"")) {
        let source = asset.split('"').nth(1).unwrap();
        sources.push(source);
        // What is made for it is not there before.
        if !source.starts_with("target/") {
            let file = source.replace("*.1", "roomsync.1");
            assert!(Path::new(&file).is_file(), "{source}");
        }
    }
    assert!(sources.len() > 8, "{sources:?}");
    let build = fs::read_to_string("deploy/debian/build").unwrap();
    for made in sources
        .iter()
        .filter_map(|source| source.strip_prefix("target/debian/"))
    {
        assert!(build.contains(&format!("$made/{made}")), "{made}");
    }
}
