use crate::chat::{
    BadToken, BatchSizes, Config, Connection, HttpTransport, Observer, Prefix, SetupError, TokenSource,
};
use crate::settings::{App, Auth, Settings};

/// Why there is no way to the service.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No usable token.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// No usable transport.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The app's name cannot stand in a path.
    #[error("the app's name cannot stand in a path; check `service.app_key` or `service.app_id`")]
    Prefix,
}

/// Makes the connection that the settings describe; nothing is sent yet. `observer` is told of every call.
pub fn connect(settings: &Settings, observer: Option<Box<dyn Observer>>) -> Result<Connection, ConnectError> {
    let transport = {
        let service = &settings.service;
        HttpTransport::new(&service.url, service.ca_file.as_deref(), service.timeout)?
    };
    let config = config(settings, observer)?;
    Ok(Connection::new(Box::new(transport), config))
}

/// What a connection needs to know, over whatever transport.
pub fn config(settings: &Settings, observer: Option<Box<dyn Observer>>) -> Result<Config, ConnectError> {
    let Settings { service, limits, .. } = settings;
    let token = match &service.auth {
        Auth::Token(token) => TokenSource::fixed(token.clone()),
        Auth::TokenFile(path) => TokenSource::file(path.clone())?,
    };
    let prefix = match &service.app {
        App::Key { org, app } => Prefix::new(org, app),
        App::Id(id) => Prefix::new("app-id", id),
    };
    Ok(Config {
        base: service.url.clone(),
        prefix: prefix.ok_or(ConnectError::Prefix)?,
        token,
        rates: limits.calls_per_second.clone(),
        concurrency: limits.concurrency,
        timeout: service.timeout,
        batch: BatchSizes {
            add: limits.add_batch,
            remove: limits.remove_batch,
        },
        bulk_reads: limits.bulk_reads,
        observer,
    })
}
