use crate::chat::{
    BadSecret, BatchLimits, Client, ClientConfig, ClientCredentials, HttpTransport, MINTED_LIFE, Observer,
    PathPrefix, Secret, SetupError, TokenSource,
};
use crate::clock::Clock;
use crate::settings::{App, Auth, SecretFrom, Settings};

/// Reason why there is no way to the service.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No usable token.
    #[error(transparent)]
    Token(#[from] BadSecret),
    /// No usable transport.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The app's name cannot stand in a path.
    #[error("the app's name cannot stand in a path; check `service.app_key` or `service.app_id`")]
    Prefix,
}

/// Makes the client that the settings describe; nothing is sent yet. `observer` is told of every call.
pub fn connect(settings: &Settings, observer: Option<Box<dyn Observer>>) -> Result<Client, ConnectError> {
    let transport = {
        let service = &settings.service;
        HttpTransport::new(&service.url, service.ca_file.as_deref(), service.timeout)?
    };
    let config = config(settings, observer)?;
    Ok(Client::new(Box::new(transport), config))
}

/// Configuration of a client, over whatever transport.
pub fn config(
    settings: &Settings,
    observer: Option<Box<dyn Observer>>,
) -> Result<ClientConfig, ConnectError> {
    let Settings { service, limits, .. } = settings;
    let prefix = match &service.app {
        App::Key { org, app } => PathPrefix::new(org, app),
        App::Id(id) => PathPrefix::new("app-id", id),
    };
    let prefix = prefix.ok_or(ConnectError::Prefix)?;
    let token = match &service.auth {
        Auth::Token(token) => TokenSource::fixed(token.clone()),
        Auth::TokenFile(path) => TokenSource::file(path.clone())?,
        Auth::App { app_id, certificate } => {
            let certificate = secret(certificate)?;
            TokenSource::minted(app_id.clone(), certificate, MINTED_LIFE, Clock::of_the_machine())
        }
        Auth::Client {
            client_id,
            secret: of,
        } => {
            let credentials = ClientCredentials {
                client_id: client_id.clone(),
                secret: secret(of)?,
                folder: &settings.state_dir,
                base: &service.url,
                prefix: &prefix,
            };
            TokenSource::granted(credentials, Clock::of_the_machine())
        }
    };
    Ok(ClientConfig {
        base: service.url.clone(),
        prefix,
        token,
        rates: limits.calls_per_second.clone(),
        concurrency: limits.concurrency,
        timeout: service.timeout,
        batch: BatchLimits {
            add: limits.add_batch,
            remove: limits.remove_batch,
        },
        bulk_reads: limits.bulk_reads,
        strict: limits.strict,
        observer,
    })
}

fn secret(from: &SecretFrom) -> Result<Secret, BadSecret> {
    match from {
        SecretFrom::File(path) => Secret::file(path.clone()),
        SecretFrom::Environment(secret) => Ok(Secret::fixed(secret.clone())),
    }
}
