//! One shell, in a copy of what a checkout has for its users.

use super::blocks::Step;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a whole document may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// A folder with a checkout, a home and the commands.
pub(super) struct Shell {
    folder: tempfile::TempDir,
    /// Where the commands begin.
    begin: PathBuf,
    /// What the text says, and what stands for it here.
    addresses: Vec<(&'static str, String)>,
}

/// An address of this machine that is free.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

impl Shell {
    /// A shell that begins in this folder of the checkout, and has this service for the real one.
    pub(super) fn new(service: &str, begin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = folder.path().join("checkout");
        for name in ["examples", "deploy"] {
            copy(Path::new(name), &checkout.join(name));
        }
        for name in ["home", "bin", "steps"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let shell = Self {
            begin: checkout.join(begin),
            addresses: vec![
                ("127.0.0.1:8080", free()),
                ("127.0.0.1:9464", free()),
                ("127.0.0.1:9465", free()),
                ("https://a61.chat.agora.io", service.to_owned()),
            ],
            folder,
        };
        let settings = checkout.join("examples/rehearsal/roomsync.yaml");
        let here = shell.here(&fs::read_to_string(&settings).unwrap());
        fs::write(settings, here).unwrap();
        let roomsync = env!("CARGO_BIN_EXE_roomsync");
        let [emulator, page, ..] = &shell.addresses[..] else {
            unreachable!("there are four")
        };
        // The addresses that nothing names are those of the defaults.
        shell.program(
            "roomsync",
            &format!(
                "if [ \"$1\" = emulator ]; then shift; exec {roomsync} emulator --listen {} \"$@\"; fi\n\
                 if [ \"$1\" = run ] && ! grep -q ^listen: roomsync.yaml; then echo 'listen: {}' >> roomsync.yaml; fi\n\
                 exec {roomsync} \"$@\"\n",
                emulator.1, page.1
            ),
        );
        // What it builds is there already, and `test` is what runs this.
        shell.program(
            "cargo",
            "case \"$1 $2\" in\n\
             'run --') shift 2; exec roomsync \"$@\";;\n\
             'install --path' | 'test ') ;;\n\
             *) echo \"no stand-in for cargo $*\" >&2; exit 101;;\nesac\n",
        );
        shell
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn here(&self, text: &str) -> String {
        let replace = |text: String, (said, here): &(&str, String)| text.replace(said, here);
        self.addresses.iter().fold(text.to_owned(), replace)
    }

    fn as_said(&self, text: &str) -> String {
        let replace = |text: String, (said, here): &(&str, String)| text.replace(here, said);
        self.addresses.iter().fold(text.to_owned(), replace)
    }

    fn step(&self, number: usize, what: &str) -> PathBuf {
        self.folder.path().join("steps").join(format!("{number}.{what}"))
    }

    /// Runs the steps one after another, and returns what was not as the text has it.
    pub(super) fn run(&self, steps: &[Step], typed: &str) -> Vec<String> {
        let mut script = String::from(PROLOGUE);
        for (number, step) in steps.iter().enumerate() {
            fs::write(
                self.step(number, "sh"),
                self.here(&step.commands) + "\nended=$?\n",
            )
            .unwrap();
            let plays =
                step.commands.contains("roomsync emulator") && step.commands.trim_end().ends_with('&');
            if plays {
                script.push_str(": > emulator.log\n");
            }
            let kind = if step.output.is_some() { "shown" } else { "block" };
            writeln!(script, "{kind} {number}").unwrap();
            if step.commands.contains("roomsync run") && step.commands.contains('&') {
                script.push_str("until_ready\n");
            }
            if plays {
                script.push_str("until_played\n");
            }
            for job in step.commands.split("kill %").skip(1) {
                let job: String = job.chars().take_while(char::is_ascii_digit).collect();
                writeln!(script, "wait %{job} 2>/dev/null").unwrap();
            }
        }
        let root = self.folder.path();
        fs::write(root.join("script"), script).unwrap();
        fs::write(root.join("typed"), typed).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut bash = Command::new("bash");
        bash.arg(root.join("script"))
            .current_dir(&self.begin)
            .env_clear()
            .env("PATH", format!("{}:{path}", root.join("bin").display()))
            .env("HOME", root.join("home"))
            .env("STEPS", root.join("steps"))
            .stdin(fs::File::open(root.join("typed")).unwrap())
            .stdout(Stdio::null())
            .stderr(fs::File::create(root.join("stderr")).unwrap())
            .process_group(0);
        let mut bash = bash.spawn().unwrap();
        let begun = Instant::now();
        while bash.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        // What the text leaves running, in this shell's own group of processes.
        let group = format!("-{}", bash.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        bash.wait().unwrap();
        self.problems(steps)
    }

    fn problems(&self, steps: &[Step]) -> Vec<String> {
        let mut problems = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let read = |what: &str| fs::read_to_string(self.step(number, what)).unwrap_or_default();
            let (out, err) = (self.as_said(&read("out")), self.as_said(&read("err")));
            let Ok(code) = read("code").trim().parse::<i32>() else {
                problems.push(format!("line {}: never came to its end:\n{out}{err}", step.line));
                break;
            };
            let failed = read("failed");
            let failed: Vec<(usize, &str)> = failed
                .lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(line, code)| (line.parse().unwrap(), code))
                .collect();
            for (at, text) in (1..).zip(step.commands.lines()) {
                let code = failed
                    .iter()
                    .rev()
                    .find(|(line, _)| *line == at)
                    .map_or("0", |(_, code)| code);
                let said = text.split_once("exit code ").map_or("0", |(_, rest)| rest);
                let said = said
                    .split(|c: char| !c.is_ascii_digit())
                    .next()
                    .unwrap_or_default();
                if said != code {
                    let at = step.line + at - 1;
                    problems.push(format!(
                        "line {at}: `{}` ended with {code}:\n{out}{err}",
                        text.trim()
                    ));
                }
            }
            let Some(shown) = &step.output else {
                continue;
            };
            if out.trim_end() != shown.trim_end() {
                problems.push(format!(
                    "line {}: `{}` printed\n{out}{err}",
                    step.line, step.commands
                ));
            }
            let asked = steps
                .get(number + 1)
                .is_some_and(|next| next.commands.starts_with("echo $?"));
            if code != 0 && !asked {
                problems.push(format!(
                    "line {}: `{}` ended with {code}, and the text does not show `echo $?`:\n{err}",
                    step.line, step.commands
                ));
            }
        }
        problems
    }
}

/// Functions that run a step: all are in the one shell, and only their output goes to files.
const PROLOGUE: &str = r#"
ended=0
again() { return "$1"; }
block() {
  trap 'echo "$LINENO $?" >> "$STEPS/'"$1"'.failed"' ERR
  . "$STEPS/$1.sh" > "$STEPS/$1.out" 2> "$STEPS/$1.err"
  trap - ERR
  echo "$ended" > "$STEPS/$1.code"
}
shown() {
  again "$ended"
  . "$STEPS/$1.sh" > "$STEPS/$1.out" 2> "$STEPS/$1.err"
  echo "$ended" > "$STEPS/$1.code"
}
until_ready() {
  for _ in $(seq 300); do roomsync probe ready > /dev/null 2>&1 && return; sleep 0.1; done
}
until_played() {
  for _ in $(seq 300); do grep -q '^control on' emulator.log && return; sleep 0.1; done
}
"#;

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
