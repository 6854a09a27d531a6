//! Faults of TLS: each in one sentence that says what to change.

use super::fault::{Peer, one_line};
use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Most names of a certificate that a message shows.
const MAX_NAMES: usize = 3;
/// Most characters of a name of a certificate that a message shows: no name of a host is longer.
const MAX_NAME: usize = 253;

/// True if the same handshake would end the same way until something is changed.
pub(super) fn is_lasting(fault: &Error) -> bool {
    match fault {
        Error::AlertReceived(alert) => !matches!(
            alert,
            AlertDescription::InternalError | AlertDescription::UserCanceled | AlertDescription::CloseNotify
        ),
        Error::InvalidCertificate(_) | Error::InvalidMessage(_) | Error::PeerIncompatible(_) => true,
        _ => false,
    }
}

/// Reads why TLS with this server does not come about.
pub(super) fn tls_fault(peer: &Peer<'_>, fault: &Error) -> String {
    let setting = peer.setting();
    match fault {
        Error::InvalidCertificate(fault) => certificate_fault(peer, fault),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("{peer} does not speak TLS; {}", peer.without_tls())
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("{peer} wants a certificate of its client, and roomsync has none; check {setting}")
        }
        Error::AlertReceived(alert) => {
            let alert = one_line(&format!("{alert:?}"));
            format!("{peer} ends the TLS handshake with the alert {alert}; check {setting}")
        }
        Error::PeerIncompatible(_) => {
            format!("{peer} speaks neither TLS 1.2 nor 1.3 as roomsync does; check {setting}")
        }
        other => format!(
            "TLS with {peer} fails: {}; check {setting}",
            one_line(&other.to_string())
        ),
    }
}

/// Reads why its certificate is not accepted.
fn certificate_fault(peer: &Peer<'_>, fault: &CertificateError) -> String {
    use CertificateError as Fault;
    let (host, setting) = (peer.host(), peer.setting());
    let certificate = format!("the certificate of {peer}");
    let expired = "renew it there, or set this machine's clock";
    let too_early = "correct it there, or set this machine's clock";
    match fault {
        Fault::UnknownIssuer => format!(
            "{certificate} is signed by no CA that is trusted here; put its CA's certificate into `service.ca_file`"
        ),
        // As with a CA that was made anew under its old name.
        Fault::BadSignature => format!(
            "{certificate} is not signed by the CA of that name that is trusted here; put its CA's certificate into `service.ca_file`"
        ),
        Fault::ExpiredContext { not_after, .. } => {
            format!("{certificate} has expired on {}; {expired}", day(*not_after))
        }
        Fault::Expired => format!("{certificate} has expired; {expired}"),
        Fault::NotValidYetContext { not_before, .. } => {
            format!(
                "{certificate} is valid from {} only; {too_early}",
                day(*not_before)
            )
        }
        Fault::NotValidYet => format!("{certificate} is not valid yet; {too_early}"),
        Fault::NotValidForNameContext { presented, .. } => {
            let Some(names) = names(presented) else {
                return format!(
                    "{certificate} names no host (it has no subjectAltName); make one for {host}"
                );
            };
            format!("{certificate} is for {names} and not for {host}; correct {setting}, or the certificate")
        }
        Fault::NotValidForName => {
            format!("{certificate} is not for {host}; correct {setting}, or the certificate")
        }
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => {
            format!("{certificate} is not for servers; make one with the extended key usage serverAuth")
        }
        Fault::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => format!(
                "{certificate} is a CA's own, not a server's; make a server certificate signed by it, and name the CA's in `service.ca_file`"
            ),
            Some(webpki::Error::UnsupportedCertVersion) => {
                format!(
                    "{certificate} is not of X.509 version 3; make one that is, with {host} as its subjectAltName"
                )
            }
            _ => unknown(peer, &other.0.to_string()),
        },
        other => unknown(peer, &other.to_string()),
    }
}

fn unknown(peer: &Peer<'_>, text: &str) -> String {
    let (text, setting) = (one_line(text), peer.setting());
    format!("the certificate of {peer} cannot be used: {text}; correct it, or check {setting}")
}

/// The hosts that a certificate names, out of texts like `DnsName("a.example")`; `None` if it names none.
fn names(presented: &[String]) -> Option<String> {
    let host = |text: &String| {
        let inner = text
            .strip_prefix("DnsName(")
            .or_else(|| text.strip_prefix("IpAddress("))?;
        let name = inner.strip_suffix(')')?.trim_matches('"');
        Some(one_line(name).chars().take(MAX_NAME).collect::<String>())
    };
    let hosts: Vec<String> = presented.iter().filter_map(host).collect();
    let shown = hosts
        .iter()
        .take(MAX_NAMES)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match hosts.len() {
        0 => None,
        number if number > MAX_NAMES => Some(format!("{shown}, {} more", number - MAX_NAMES)),
        _ => Some(shown),
    }
}

/// A day in UTC.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(
        |_| "a day that no calendar has".into(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_out_of_the_librarys_words() {
        let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = texts(&[r#"DnsName("a.example")"#, "DirectoryName"]);
        assert_eq!(names(&one).as_deref(), Some("a.example"));
        let many = texts(&[
            r#"DnsName("a")"#,
            "IpAddress(127.0.0.1)",
            r#"DnsName("*.b")"#,
            r#"DnsName("c")"#,
        ]);
        assert_eq!(names(&many).as_deref(), Some("a, 127.0.0.1, *.b, 1 more"));
        assert_eq!(names(&texts(&["DirectoryName"])), None);
    }
}
