//! Tokens that are minted here from an app's certificate.

use super::access_token::{Claims, MAX_SALT};
use super::grant::NoToken;
use super::secret::Secret;
use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Life of a minted token: the service takes none for longer. `[P]`
pub const MINTED_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Mints a token and keeps it for half of its life.
#[derive(Debug)]
pub(super) struct Minter {
    app_id: String,
    certificate: Secret,
    life: Duration,
    clock: Clock,
    minted: Mutex<Option<Minted>>,
}

#[derive(Debug)]
struct Minted {
    token: SecretString,
    certificate: SecretString,
    /// On the steady clock.
    renew: Timestamp,
    /// On the steady clock.
    end: Timestamp,
    /// On the wall clock.
    expires: Timestamp,
}

impl Minter {
    pub(super) fn new(app_id: String, certificate: Secret, life: Duration, clock: Clock) -> Self {
        Self {
            app_id,
            certificate,
            life,
            clock,
            minted: Mutex::default(),
        }
    }

    /// The token for the next call; another one where the certificate has changed.
    pub(super) async fn current(&self) -> Result<SecretString, NoToken> {
        let certificate = self.certificate.current().await;
        let mut minted = self.minted();
        let now = self.clock.steady();
        match &*minted {
            Some(minted) if now < minted.renew && same(&minted.certificate, &certificate) => {
                Ok(minted.token.clone())
            }
            _ => self.mint(&mut minted, certificate),
        }
    }

    /// The token for a call that goes out now, unless it has to be minted first.
    pub(super) fn ready(&self) -> Option<SecretString> {
        let now = self.clock.steady();
        let minted = self.minted();
        let minted = minted.as_ref().filter(|minted| now < minted.end)?;
        Some(minted.token.clone())
    }

    /// Another token than the one that was refused.
    pub(super) async fn other_than(&self, refused: &SecretString) -> Result<SecretString, NoToken> {
        let certificate = self.certificate.reread().await;
        let mut minted = self.minted();
        match &*minted {
            // Somebody else has come back from the same refusal before.
            Some(minted) if !same(&minted.token, refused) => Ok(minted.token.clone()),
            _ => self.mint(&mut minted, certificate),
        }
    }

    /// End of the token's life, on the wall clock.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.minted().as_ref().map(|minted| minted.expires)
    }

    fn mint(&self, minted: &mut Option<Minted>, certificate: SecretString) -> Result<SecretString, NoToken> {
        let wrong_clock =
            || NoToken::refused("the time of day of this machine is not right; set it".to_owned());
        let (now, steady) = (self.clock.now(), self.clock.steady());
        let issued_s = u32::try_from(now.as_second()).map_err(|_| wrong_clock())?;
        let claims = Claims {
            app_id: &self.app_id,
            issued_s,
            expire_s: u32::try_from(self.life.as_secs()).unwrap_or(u32::MAX),
            salt: fastrand::u32(1..=MAX_SALT),
        };
        let token = claims.sign(&certificate);
        let token = token.ok_or_else(|| NoToken::refused("`auth.app_id` is no app's id".to_owned()))?;
        let life = SignedDuration::try_from(self.life).unwrap_or(SignedDuration::MAX);
        // The token counts whole seconds, from the beginning of this one.
        let gone = SignedDuration::from_nanos(i64::from(now.subsec_nanosecond()));
        let after = |time: Timestamp, by: SignedDuration| time.checked_add(by).map_err(|_| wrong_clock());
        let end = life.saturating_sub(gone);
        crate::secrets::register(token.expose_secret());
        *minted = Some(Minted {
            token: token.clone(),
            certificate,
            renew: after(steady, end / 2)?,
            end: after(steady, end)?,
            expires: after(now, end)?,
        });
        tracing::debug!("a token was minted");
        Ok(token)
    }

    /// Nobody panics while holding this lock.
    fn minted(&self) -> MutexGuard<'_, Option<Minted>> {
        self.minted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use tokio::time::sleep;

    const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

    fn minter(certificate: Secret, life: Duration) -> Minter {
        let clock = Clock::from(Timestamp::from_second(1_111_111).unwrap());
        Minter::new(
            "970CA35de60c44645bbae8a215061b33".to_owned(),
            certificate,
            life,
            clock,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_half_its_life_and_once_for_all_who_were_refused() {
        let minter = minter(Secret::fixed(CERTIFICATE.into()), MINTED_LIFE);
        assert!(minter.ready().is_none() && minter.expires().is_none());
        let first = minter.current().await.unwrap();
        assert_eq!(minter.expires().unwrap().as_second(), 1_111_111 + 24 * 60 * 60);
        sleep(MINTED_LIFE / 2 - Duration::from_millis(1)).await;
        assert!(same(&minter.current().await.unwrap(), &first));
        sleep(Duration::from_millis(1)).await;
        let second = minter.current().await.unwrap();
        assert!(!same(&first, &second));
        let others = (0..10).map(|_| minter.other_than(&second));
        let others = futures_util::future::join_all(others).await;
        let others: BTreeSet<_> = others
            .into_iter()
            .map(|token| token.unwrap().expose_secret().to_owned())
            .collect();
        assert!(others.len() == 1 && !others.contains(second.expose_secret()));
        sleep(MINTED_LIFE).await;
        assert!(minter.ready().is_none(), "it has ended");
    }

    #[tokio::test]
    async fn another_certificate_in_the_file_is_seen_at_the_next_call() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("certificate");
        fs::write(&path, CERTIFICATE).unwrap();
        let minter = minter(Secret::file(path.clone()).unwrap(), MINTED_LIFE);
        let first = minter.current().await.unwrap();
        assert!(same(&minter.current().await.unwrap(), &first));
        fs::write(&path, format!("{CERTIFICATE}\n\n").to_lowercase()).unwrap();
        assert!(!same(&minter.current().await.unwrap(), &first));
    }
}
