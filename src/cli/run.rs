//! `roomsync run`.

use super::exit::Exit;
use super::report_text::report_text;
use super::{Globals, output, output_plan};
use crate::chat::Secret;
use crate::clock::Clock;
use crate::daemon::{Command, Config, Daemon, DaemonError, Fsync};
use crate::model::log_code;
use crate::reconcile::{self, Written};
use crate::settings::{self, App, Settings, Webhook};
use crate::web::{self, FollowedSecrets, Limits, Options, WebhookListener, WebhookOptions};
use anyhow::{Context as _, anyhow, bail};
use axum::Router;
use std::io::{self, IsTerminal as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// Keeps the rooms as the files say: the daemon
///
/// It follows the files and reconciles the rooms whose entries change, and looks at all rooms every `sync.interval`. It adds as soon as
/// the files have been unchanged for `sync.settle`, and removes and demotes after `sync.settle_removals`. With `webhook` in the
/// settings, the service's events make it look at their rooms at once.
/// SIGTERM ends it in order, a second one at once; SIGHUP has settings and files read again.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Make one pass over all rooms and end; the exit code is as for apply. With removals or demotions it waits until the room
    /// files have been unchanged for `sync.settle_removals`
    #[arg(long)]
    pub(super) once: bool,
    /// Never write: neither to the service nor into `state_dir`, where only the token of client credentials is kept
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Exit code of a daemon that gets a second signal.
const ENDED_AT_ONCE: i32 = 128 + 15;

/// Runs `roomsync run`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let config = config(globals, args, settings.clone());
    let signals = Signals::new()?;
    if args.once {
        return once(config, signals).await;
    }
    // First: of two daemons with one `state_dir` the second is to be told of that, and not of the port, which they share as well.
    let daemon = daemon(config)?;
    let listener = match settings.listen {
        Some(address) => Some(bind("listen", address).await?),
        None => None,
    };
    let webhook = match &settings.webhook {
        Some(webhook) => Some(Receiver::open(webhook, &settings, &daemon).await?),
        None => None,
    };
    let options = web_options(&settings)?;
    serve(daemon, (listener, options), webhook, signals).await
}

/// Access rules of the status page, as the settings have them.
fn web_options(settings: &Settings) -> anyhow::Result<Options> {
    let followed = |token: Option<Secret>| token.map(|token| Arc::new(FollowedSecrets::new(vec![token])));
    Ok(Options {
        page: settings.status_page,
        allowed_hosts: settings.allowed_hosts.clone(),
        status_token: followed(settings.status_token()?),
        admin_token: followed(settings.admin_token()?),
    })
}

/// Runs the daemon with its page on this listener until a signal ends it.
pub(super) async fn on(listener: TcpListener, globals: &Globals) -> anyhow::Result<Exit> {
    let settings = settings::load(&globals.config, &globals.env)?;
    let options = web_options(&settings)?;
    let daemon = daemon(config(globals, &Args::default(), settings))?;
    serve(daemon, (Some(listener), options), None, Signals::new()?).await
}

/// The webhook, ready to be served.
struct Receiver {
    listener: WebhookListener,
    router: Router,
}

impl Receiver {
    async fn open(webhook: &Webhook, settings: &Settings, daemon: &Daemon) -> anyhow::Result<Self> {
        let secrets = FollowedSecrets::new(webhook.secrets()?);
        let listener = bind("webhook.listen", webhook.listen).await?;
        let (address, path) = (listener.local_addr()?, &webhook.path);
        tracing::info!(code = log_code::WEBHOOK_LISTENING, %address, path, "listening for events");
        let app_key = match &settings.service.app {
            App::Key { .. } => Some(settings.service.app.to_string()),
            App::Id(_) => None,
        };
        let options = WebhookOptions {
            path: path.clone(),
            secrets,
            app_key,
        };
        Ok(Self {
            listener: WebhookListener::new(listener, daemon.intake()),
            router: web::webhook_router(options, daemon.intake()),
        })
    }
}

/// Runs the daemon with its web until a signal ends it.
async fn serve(
    daemon: Daemon,
    (listener, mut options): (Option<TcpListener>, Options),
    webhook: Option<Receiver>,
    signals: Signals,
) -> anyhow::Result<Exit> {
    let (stop_web, web_stops) = watch::channel(());
    // Tasks of their own, so that a loop that is wedged can be seen; their end is waited for below.
    let mut served = Vec::new();
    let stopped = || {
        let mut stops = web_stops.clone();
        async move {
            // It ends with its sender.
            let _ = stops.changed().await;
        }
    };
    if let Some(Receiver { listener, router }) = webhook {
        served.push(tokio::spawn(web::serve(
            listener,
            router,
            Limits::WEBHOOK,
            stopped(),
        )));
    }
    if let Some(listener) = listener {
        let address = listener.local_addr()?;
        tracing::info!(code = log_code::LISTENING, %address, "listening");
        options.page |= address.ip().is_loopback();
        if options.page && io::stderr().is_terminal() {
            let reached = match address.ip().is_unspecified() {
                true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
                false => address,
            };
            tracing::info!(code = log_code::PAGE, "the status page is at http://{reached}/");
        }
        let router = web::router(daemon.source(), daemon.control(), daemon.metrics(), options);
        served.push(tokio::spawn(web::serve(
            listener,
            router,
            Limits::STATUS,
            stopped(),
        )));
    }
    let (commands, commanded) = mpsc::channel(8);
    let heeding = signals.heed(commands);
    let ended = daemon.run(commanded).await;
    heeding.abort();
    drop(stop_web);
    for web in served {
        web.await.context("the web server broke off")??;
    }
    ended?;
    Ok(Exit::Done)
}

async fn once(config: Config, signals: Signals) -> anyhow::Result<Exit> {
    let daemon = daemon(config)?;
    let (commands, mut commanded) = mpsc::channel(8);
    let stop = async move {
        while let Some(command) = commanded.recv().await {
            if command == Command::Stop {
                return;
            }
        }
    };
    let heeding = signals.heed(commands);
    let passed = daemon.once(stop).await;
    heeding.abort();
    let Some(once) = passed? else {
        bail!("interrupted before anything was planned");
    };
    output_plan("", &once.plan, once.seconds)?;
    if let Written::Applied(report) = &once.written {
        output(&report_text(report, &once.plan, "roomsync run --once"))?;
    }
    Ok(Exit::of_once(&once))
}

/// Configuration of the daemon with these settings.
pub(super) fn config(globals: &Globals, args: &Args, settings: Settings) -> Config {
    let (file, env) = (globals.config.clone(), globals.env.clone());
    Config {
        settings,
        settings_file: globals.config.clone(),
        reload: Box::new(move || settings::load(&file, &env)),
        connect: Box::new(reconcile::connect),
        dry_run: args.dry_run,
        clock: Clock::of_the_machine(),
        seed: fastrand::u64(..),
        fsync: Fsync::default(),
    }
}

/// Makes the daemon. An error of the connection is one of the settings, as for every command.
fn daemon(config: Config) -> anyhow::Result<Daemon> {
    Daemon::new(config).map_err(|error| match error {
        DaemonError::Connect(error) => error.into(),
        error => error.into(),
    })
}

async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => error.to_string(),
        };
        let off = if key == "listen" { ", or `off`" } else { "" };
        anyhow!("cannot listen on {address}: {why}; name another address under `{key}`{off}")
    })
}

/// The signals that the daemon heeds.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let heeded = |kind, name| signal(kind).with_context(|| format!("cannot wait for {name}"));
        Ok(Self {
            hangup: heeded(SignalKind::hangup(), "SIGHUP")?,
            interrupt: heeded(SignalKind::interrupt(), "SIGINT")?,
            terminate: heeded(SignalKind::terminate(), "SIGTERM")?,
        })
    }

    /// Hands signals over; a second one to end ends the process at once, even where the loop is wedged: hence the task of its
    /// own, which is ended when the daemon is.
    fn heed(mut self, commands: mpsc::Sender<Command>) -> AbortHandle {
        let heeding = async move {
            let mut ending = false;
            loop {
                let command = tokio::select! {
                    _ = self.hangup.recv() => Command::Reload,
                    _ = self.interrupt.recv() => Command::Stop,
                    _ = self.terminate.recv() => Command::Stop,
                };
                if command == Command::Stop {
                    if ending {
                        tracing::error!(
                            code = log_code::TOLD_TWICE,
                            "told twice to end: what the calls in flight have done is not known"
                        );
                        std::process::exit(ENDED_AT_ONCE);
                    }
                    ending = true;
                }
                // A last place is kept for the end: so many reloads at a time come to one.
                if command == Command::Reload && commands.capacity() <= 1 {
                    continue;
                }
                // A daemon that has ended needs no command.
                let _ = commands.try_send(command);
            }
        };
        tokio::spawn(heeding).abort_handle()
    }
}
