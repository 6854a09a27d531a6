//! Places for connections. When they are short, somebody who does nothing with theirs gives way.

use super::activity::{Activity, Waits};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Places beyond the others that are for this machine: its own probes get through whoever is outside.
const FOR_LOOPBACK: usize = 4;
/// For so long a connection without a request does not give way to an address that has more, nor to another one of its own address if
/// that has few: its request may be on its way.
const FRESH: Duration = Duration::from_millis(500);
const FEW: usize = 4;
/// Part of an IPv6 address that a network has: whoever has one has all addresses below it.
const NETWORK: u128 = !0 << 64;

/// Places for connections. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    most: usize,
    taken: BTreeMap<u64, Taken>,
    /// Number of places taken so far.
    number: u64,
}

#[derive(Debug)]
struct Taken {
    from: IpAddr,
    activity: Arc<Activity>,
    /// Notified when it has to give way.
    gives_way: Arc<Notify>,
}

/// A place. It is free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    number: u64,
    pub(super) activity: Arc<Activity>,
    /// Notified when the connection has to end at once.
    pub(super) gives_way: Arc<Notify>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            most,
            taken: BTreeMap::new(),
            number: 0,
        })))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the next connection may need somebody to give way.
    pub(super) fn are_short(&self) -> bool {
        let table = self.table();
        table.taken.len() >= table.most
    }

    /// Takes a place for a connection from this address. `None`: everybody is busy with theirs, or has just come.
    pub(super) fn take(&self, from: IpAddr) -> Option<Place> {
        let from = origin(from);
        let mut table = self.table();
        let reserved = if from.is_loopback() { FOR_LOOPBACK } else { 0 };
        if table.taken.len() >= table.most + reserved {
            let number = table.idlest(from)?;
            if let Some(Taken { from, gives_way, .. }) = table.taken.remove(&number) {
                tracing::debug!(%from, "a connection gives way to another one");
                gives_way.notify_one();
            }
        }
        table.number += 1;
        let number = table.number;
        let taken = Taken {
            from,
            activity: Arc::new(Activity::new()),
            gives_way: Arc::default(),
        };
        let place = Place {
            places: self.clone(),
            number,
            activity: Arc::clone(&taken.activity),
            gives_way: Arc::clone(&taken.gives_way),
        };
        table.taken.insert(number, taken);
        Some(place)
    }
}

impl Table {
    /// The connection that gives way to one from this address: of those from the address with most, one without a request before one
    /// whose answer nobody takes, and whichever has been so for longest.
    fn idlest(&self, newcomer: IpAddr) -> Option<u64> {
        let mut of_origin: HashMap<IpAddr, usize> = HashMap::new();
        for taken in self.taken.values() {
            *of_origin.entry(taken.from).or_default() += 1;
        }
        let count = |from: &IpAddr| of_origin.get(from).copied().unwrap_or_default();
        let is_spared =
            |from: &IpAddr| count(&newcomer) > count(from) || (newcomer == *from && count(from) <= FEW);
        // Nobody from outside takes the places of this machine.
        let near = self
            .taken
            .values()
            .filter(|taken| taken.from.is_loopback())
            .count();
        let keeps_near = !newcomer.is_loopback() && near <= FOR_LOOPBACK;
        let idle = self.taken.iter().filter_map(|(number, taken)| {
            if keeps_near && taken.from.is_loopback() {
                return None;
            }
            let (waits, since) = taken.activity.waits()?;
            let is_fresh = waits == Waits::ForRequest && since.elapsed() < FRESH;
            let gives_way = !(is_fresh && is_spared(&taken.from));
            gives_way.then_some((Reverse(count(&taken.from)), waits, since, *number))
        });
        idle.min().map(|(.., number)| number)
    }
}

/// Connections that wait for a place, those who came first before the others. One that gets none holds up nobody from elsewhere.
pub(super) struct Line<T> {
    waiting: VecDeque<(IpAddr, T)>,
    most: usize,
}

impl<T> Line<T> {
    pub(super) fn new(most: usize) -> Self {
        let waiting = VecDeque::new();
        Self { waiting, most }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts a connection from this address at the end. If too many wait, the first one waits no longer.
    pub(super) fn push(&mut self, from: IpAddr, connection: T) {
        self.waiting.push_back((origin(from), connection));
        if self.waiting.len() > self.most {
            self.waiting.pop_front();
        }
    }

    /// The first connection for which there is a place.
    pub(super) fn next(&mut self, places: &Places) -> Option<(T, Place)> {
        let mut refused = HashSet::new();
        for at in 0..self.waiting.len() {
            let (from, _) = self.waiting.get(at)?;
            if refused.contains(from) {
                continue;
            }
            if let Some(place) = places.take(*from) {
                let (_, connection) = self.waiting.remove(at)?;
                return Some((connection, place));
            }
            refused.insert(*from);
        }
        None
    }
}

/// The address by which connections are counted.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
        address => address,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn has_to_go(place: &Place) -> bool {
        !place.places.table().taken.contains_key(&place.number)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_most_and_has_waited_longest_gives_way() {
        let places = Places::new(4);
        let mut of = Vec::new();
        for from in ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.2"] {
            of.push(places.take(address(from)).unwrap());
            advance(Duration::from_millis(10)).await;
        }
        // The oldest of the three has a request.
        of[1].activity.works();
        assert!(places.are_short());
        let new = places.take(address("192.0.2.3")).unwrap();
        assert_eq!(
            of.iter().map(has_to_go).collect::<Vec<_>>(),
            [false, false, true, false]
        );
        of[2].gives_way.notified().await;
        // One each of two others, and two of these, one of which is busy.
        drop(places.take(address("192.0.2.4")).unwrap());
        assert!(has_to_go(&of[3]) && !has_to_go(&new));
        for place in of.iter().chain([&new]) {
            place.activity.works();
        }
        let last = places.take(address("192.0.2.4")).unwrap();
        last.activity.works();
        assert!(places.take(address("192.0.2.4")).is_none(), "everybody is busy");
        drop(of);
        assert!(places.take(address("192.0.2.4")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_just_come_gives_way_neither_to_many_nor_to_few_of_their_own() {
        let places = Places::new(8);
        let many = || places.take(address("192.0.2.1"));
        let busy: Vec<Place> = (0..7).map(|_| many().unwrap()).collect();
        busy.iter().for_each(|place| place.activity.works());
        let probe = places.take(address("192.0.2.2")).unwrap();
        advance(FRESH - Duration::from_millis(1)).await;
        assert!(many().is_none() && places.take(address("192.0.2.2")).is_none());
        assert!(!has_to_go(&probe));
        advance(Duration::from_millis(1)).await;
        let another = many().unwrap();
        assert!(has_to_go(&probe));
        // One that has fewer gets a place of theirs at once.
        let probe = places.take(address("192.0.2.2")).unwrap();
        assert!(has_to_go(&another) && !has_to_go(&probe));
        // Many of one address give way to each other at once.
        let places = Places::new(FEW + 1);
        let mut silent: Vec<Place> = Vec::new();
        for _ in 0..2 * FEW {
            silent.push(places.take(address("192.0.2.1")).unwrap());
        }
        assert_eq!(silent.iter().filter(|place| has_to_go(place)).count(), FEW - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_holds_up_nobody_from_elsewhere() {
        let places = Places::new(2);
        let busy: Vec<Place> = (0..2)
            .map(|_| places.take(address("192.0.2.1")).unwrap())
            .collect();
        busy.iter().for_each(|place| place.activity.works());
        let mut line = Line::new(3);
        for (name, from) in [("a", "192.0.2.2"), ("b", "192.0.2.2"), ("c", "192.0.2.3")] {
            line.push(address(from), name);
        }
        assert!(line.next(&places).is_none());
        // One more than may wait: the first one is let go.
        line.push(address("127.0.0.1"), "probe");
        let (first, probe) = line.next(&places).unwrap();
        assert_eq!(first, "probe", "this machine has places of its own");
        assert!(line.next(&places).is_none());
        drop((busy, probe));
        let mut order = Vec::new();
        while let Some((name, place)) = line.next(&places) {
            place.activity.works();
            order.push((name, place));
        }
        assert_eq!(
            order.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert!(line.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn this_machine_has_places_of_its_own_and_a_network_counts_as_one_address() {
        let places = Places::new(2);
        let far: Vec<Place> = ["2001:db8::1", "2001:db8::2"]
            .into_iter()
            .map(|from| places.take(address(from)).unwrap())
            .collect();
        far.iter().for_each(|place| place.activity.works());
        assert!(places.take(address("198.51.100.1")).is_none());
        let near: Vec<Place> = (0..FOR_LOOPBACK)
            .map(|_| places.take(address("::ffff:127.0.0.1")).unwrap())
            .collect();
        assert!(!near.iter().any(has_to_go));
        assert!(places.take(address("127.0.0.1")).is_none(), "they have just come");
        advance(FRESH).await;
        let other = places.take(address("127.0.0.1")).unwrap();
        assert!(has_to_go(&near[0]) && !has_to_go(&other));
        drop((near, other));
        far[0].activity.answers();
        far[1].activity.answers();
        assert!(
            places.take(address("198.51.100.1")).is_none(),
            "they are not slow"
        );
        let counted: Vec<IpAddr> = places.table().taken.values().map(|taken| taken.from).collect();
        assert_eq!(counted, [address("2001:db8::"); 2]);
    }
}
