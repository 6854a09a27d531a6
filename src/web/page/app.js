const POLL_MS = 2000;
const LOST_MS = 7000;
const STEP = 200;
const ATTENTION = 12;
const CHANGES = 25;
const CARDS = 12;

const page = {
  status: null,
  tag: null,
  heard: 0,
  broken: "",
  lost: false,
  find: "",
  only: new Set(),
  most: innerWidth < 700 ? 25 : STEP,
  pinned: null,
  changes: CHANGES,
  rows: new Map(),
  details: new Map(),
};

function roomLabel(id) {
  const room = page.status.rooms.find((room) => room.id === id);
  return (room && room.name) || id;
}

function roomLink(id) {
  return make("a", { href: `#room-${id}`, "data-key": `link-${id}` }, roomLabel(id));
}

// ---- the headline

function drawGlance(status) {
  const lost = page.lost;
  const when = page.heard && new Date(page.heard).toLocaleTimeString();
  const [tone, sign, said] = lost
    ? ["lost", "?", when ? `No contact with roomsync: not updated since ${when}` : "No contact with roomsync"]
    : status
      ? [status.headline.tone, SIGNS[status.headline.tone], status.headline.text]
      : ["quiet", "…", "Asking roomsync…"];
  $("glance").dataset.tone = tone;
  document.body.classList.toggle("lost", lost);
  setText($("sign"), sign);
  setText($("headline"), said);
  const wants = status ? status.attention.length : 0;
  document.title = lost ? "? roomsync: no contact" : wants ? `(${wants}) roomsync` : `${sign} roomsync`;
  const list = lost
    ? [
        page.broken || "It does not answer.",
        status ? "What stands below was so then, and may be otherwise now." : "",
        "This page goes on trying every two seconds.",
      ].filter(Boolean)
    : status
      ? status.attention.slice(0, ATTENTION)
      : [];
  const more = !lost && wants > ATTENTION && `And ${wants - ATTENTION} more: see below.`;
  const trouble = status && status.service.trouble;
  draw($("attention"), [list, more, trouble], () => [
    list.map((item) => (typeof item === "string" ? make("li", {}, prose(item)) : attentionItem(item, trouble))),
    more && make("li", {}, more),
  ].flat());
  if (!status) return;
  const { passes, progress, files, service } = status;
  const seen = status.rooms.map((room) => room.looked || "").reduce((a, b) => (a > b ? a : b), "");
  draw($("beat"), [passes, progress, files.taken, files.files, service.trouble, seen, lost], () =>
    lost
      ? []
      : [
          make("span", {}, lastLook(status)),
          ...(progress ? progressWords(progress) : []).map((words) => make("span", {}, words)),
          !passes.running_since && passes.next && make("span", {}, "next look ", time(passes.next, "due")),
          files.taken && make("span", {}, `${many(files.files, "file")} taken `, time(files.taken)),
          passes.last_ended &&
            !(passes.last_good >= passes.last_begun) &&
            make("span", {}, "last good look ", time(passes.last_good)),
        ],
  );
}

/** What needs attention, whose doing it is and why, and for how long it has. */
function attentionItem({ severity, code: kind, message, by, why, since }, trouble) {
  const tries = trouble && trouble.code === kind && trouble;
  return make(
    "li",
    { "data-tone": severity === "red" ? "bad" : "warn" },
    hidden(severity === "red" ? "Outage: " : "Waits for a person: "),
    prose(message),
    by && ` · by ${by}`,
    why && `: “${why}”`,
    " ",
    forTime(since),
    tries && make("span", { class: "soft" }, `, met ${many(tries.times, "time")}`),
    tries && tries.next_try && make("span", { class: "soft" }, ", next try ", time(tries.next_try, "due")),
  );
}

// ---- what stands in the way

function drawBlocks(status) {
  const { withheld, files, holds } = status;
  // What needs attention stands above, with what to do about it.
  const quietly = withheld && !status.attention.some((item) => item.code === withheld.code) && withheld;
  draw(
    $("withheld"),
    quietly,
    () => quietly && notice("busy", WITHHELD[withheld.code] || "Nothing is written", make("p", {}, prose(withheld.message))),
  );
  drawPending(status.pending);
  draw(
    $("problems"),
    [files.valid, files.problems, files.taken],
    () =>
      (files.problems.length || !files.valid) &&
      notice(
        files.valid ? "warn" : "bad",
        files.valid ? "Something in the files is probably not meant" : "The files on the disk are not valid",
        !files.valid &&
          make(
            "p",
            {},
            files.taken
              ? "What they said before stays in force, taken "
              : "No set of files is in force, so nothing is done.",
            files.taken && time(files.taken),
          ),
        make(
          "ul",
          { class: "problems" },
          files.problems
            .slice(0, 50)
            .map((problem) =>
              make(
                "li",
                {},
                make(
                  "p",
                  { class: "spot" },
                  make("b", {}, problem.severity),
                  " ",
                  [problem.file, problem.line, problem.column].filter((part) => part !== null).join(":"),
                  " ",
                  make("span", { class: "soft" }, `(${problem.code})`),
                ),
                make("p", {}, prose(problem.message)),
                problem.help && make("p", { class: "soft" }, "Help: ", prose(problem.help)),
              ),
            ),
        ),
        files.problems.length > 50 &&
          make("p", {}, `And ${files.problems.length - 50} more: `, code("roomsync validate"), " shows all."),
      ),
  );
  drawHeld(status, holds);
}

/** Who stays until the room files have been unchanged for long enough. */
function drawPending(pending) {
  const waits = pending && pending.removals + pending.demotions + pending.additions > 0;
  draw($("pending"), waits && [pending.removals, pending.demotions, pending.additions, pending.rooms, pending.until, pending.file], () => {
    if (!waits) return null;
    const parts = [
      pending.removals && many(pending.removals, "removal"),
      pending.demotions && many(pending.demotions, "demotion"),
      pending.additions && many(pending.additions, "addition"),
    ].filter(Boolean);
    return notice(
      "busy",
      `${parts.join(" and ")} wait until the room files have settled`,
      make(
        "p",
        {},
        `In ${many(pending.rooms, "room")}. They go on once no room file has changed for a while`,
        pending.until ? ", " : ".",
        pending.until && time(pending.until, "due"),
      ),
      pending.file && make("p", { class: "soft" }, "Changed last: ", code(pending.file)),
    );
  });
}

/** A card for each room that failed, or in which something is held: failures first. */
function drawHeld(status, holds) {
  const total = status.rooms.flatMap((room) => room.blocked).find((block) => block.guard === "max_removals_total");
  const own = (room) => room.blocked.filter((block) => block.guard !== "max_removals_total");
  const heldIn = new Map();
  for (const hold of holds) heldIn.set(hold.room, [...(heldIn.get(hold.room) || []), hold]);
  const cards = status.rooms
    .map((room) => {
      const held = heldIn.get(room.id) || [];
      // A hold says what its guard says, and more.
      const blocked = own(room).filter((block) => !held.some((hold) => hold.guard === block.guard));
      const error = room.state === "failed" ? room.error : null;
      return { id: room.id, error, blocked, held, next: error && room.next_try };
    })
    .filter(({ error, blocked, held }) => error || blocked.length || held.length)
    .sort((a, b) => !a.error - !b.error);
  const first = cards.slice(0, CARDS);
  const failed = cards.filter(({ error }) => error).length;
  const waiting = total || cards.length > failed;
  draw(
    $("held"),
    [total, first, cards.length, waiting],
    () =>
      (total || cards.length > 0) &&
      notice(
        "warn",
        failed && waiting
          ? "Failed, or held back until you decide"
          : failed
            ? many(failed, "room failed", "rooms failed")
            : "Held back until you decide",
        make(
          "div",
          { class: "cards" },
          total && make("article", {}, make("h3", {}, "All rooms"), blockedWords(total)),
          first.map(({ id, error, blocked, held, next }) =>
            make(
              "article",
              { "data-room": id },
              make("h3", {}, roomLink(id)),
              error && errorWords(error, next),
              held.flatMap(holdWords),
              blocked.flatMap(blockedWords),
              held.length + blocked.length > 0 && approveWords(id),
            ),
          ),
        ),
        cards.length > first.length &&
          make("p", {}, `And ${many(cards.length - first.length, "more room")}: the list below says the same of them.`),
      ),
  );
}

// ---- what was done, and who stands apart

function drawChanges(status) {
  const shown = status.changes.slice(0, page.changes);
  const rest = status.changes.length - shown.length;
  const more = () => {
    page.changes += CHANGES;
    drawChanges(page.status);
  };
  draw($("feed"), [shown, rest], () =>
    shown.length
      ? [
          feed(shown, true),
          rest > 0 &&
            make(
              "button",
              { type: "button", class: "more", "data-key": "more-changes", onclick: more },
              `Show ${Math.min(rest, CHANGES)} more`,
            ),
        ]
      : make("p", { class: "soft" }, "Nothing was changed since the start."),
  );
}

/** A list of people, each in a room, with what is said of them. */
function folk(title, people, said, { where = (who) => roomLink(who.room), who = (one) => one.user, more = (number) => `${number} more` } = {}) {
  if (!people.length) return [];
  const entry = (one) => make("li", {}, make("p", {}, make("b", {}, who(one)), " in ", where(one)), said(one));
  return [
    make("h3", {}, title),
    make("ul", { class: "folk" }, people.slice(0, STEP).map(entry)),
    people.length > STEP && make("p", {}, `And ${more(people.length - STEP)}.`),
  ];
}

const soft = (...words) => make("p", { class: "soft" }, ...words);

function drawSide(status) {
  drawChanges(status);
  const { aside, coming_and_going: going, contested, comes_back: back, ends_soon: soon } = status;
  const untilTried = (who) => [
    time(who.since, "lasting"),
    " · tried again ",
    time(who.until, "due"),
    ", or when a file that names them changes",
  ];
  draw($("folk"), [aside, going, contested, back, soon], () => [
    ![aside, going, contested, back, soon].some((list) => list.length) && soft("Nobody is set aside, nobody comes and goes."),
    ...folk(
      `Ends within a week (${soon.reduce((sum, { people }) => sum + people, 0)})`,
      soon,
      ({ role, until }) => soft(role === "admin" ? "Wanted as an admin until " : "Wanted until ", time(until, "due")),
      {
        who: ({ users, people }) => (people > users.length ? many(people, "person", "people") : namesOf(users)),
        more: (number) => many(number, "more end"),
      },
    ),
    ...folk(
      `Set aside (${aside.length})`,
      aside,
      (who) => [make("p", {}, prose(who.message), make("span", { class: "soft" }, ` (${who.code})`)), soft("For ", ...untilTried(who))],
      { where: (who) => (who.room ? roomLink(who.room) : "every room") },
    ),
    ...folk(`Contested (${contested.length})`, contested, (who) =>
      soft(
        who.op === "promote" ? "Others demote whom roomsync promotes, again and again. Not promoted for " : "Others put out whom roomsync adds, again and again. Not added for ",
        ...untilTried(who),
      ),
    ),
    ...folk(`Comes back (${back.length})`, back, (who) =>
      soft(
        who.op === "demote" ? "Demoted three times within a day, last " : "Removed three times within a day, last ",
        time(who.last),
        ". That goes on at each look",
      ),
    ),
    ...folk(`Coming and going (${going.length})`, going, (who) =>
      soft("Put back again and again, and leaves. Left alone; put back again ", time(who.until, "due"), ", and free of this once back without help"),
    ),
  ]);
  const { service, files, unmanaged } = status;
  draw($("unmanaged"), unmanaged, () => (unmanaged && unmanaged.line ? [unmanaged.line, " (counted ", time(unmanaged.counted), ")"] : []));
  setText($("app"), service.app);
  draw($("foot"), [status.version, status.started, service, files.digest, files.revision], () => [
    make("span", {}, `roomsync ${status.version}, up for `, time(status.started, "lasting")),
    make("span", { class: "spot" }, service.url),
    files.digest && make("span", { class: "spot", title: files.digest }, `files ${files.digest.slice(0, 19)}`),
    files.revision &&
      make(
        "span",
        { class: "spot", title: files.revision },
        `commit ${files.revision.replace(/^(.{12})[0-9a-f]*/, "$1")}`,
      ),
    make("a", { href: "/api/status" }, "/api/status"),
    make("a", { href: "/metrics" }, "/metrics"),
  ]);
}

