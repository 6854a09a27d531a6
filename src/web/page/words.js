// What is said: in words, with signs beside colours, and with what to do about it.

const DIFF_LINES = 60;
const MOST_DIFF_LINES = 1000;
const STATES = {
  failed: ["×", "Failed", "bad"],
  blocked: ["!", "Blocked", "warn"],
  unknown: ["?", "Unknown", "quiet"],
  incomplete: ["◦", "Incomplete", "warn"],
  changing: ["→", "Changing", "busy"],
  unseen: ["…", "Not seen yet", "quiet"],
  observed: ["·", "Observed", "quiet"],
  in_sync: ["✓", "In sync", "good"],
};
const RANK = Object.keys(STATES);
const DONE = {
  add: "added to",
  allow: "put on the allow list of",
  promote: "made admin of",
  demote: "no longer admin of",
  remove: "removed from",
  disallow: "taken off the allow list of",
};
const UNDONE = {
  add: "not added to",
  allow: "not put on the allow list of",
  promote: "not made admin of",
  demote: "still admin of",
  remove: "not removed from",
  disallow: "still on the allow list of",
};
const WANTS = {
  max_removals: "removal",
  max_demotions: "demotion",
  max_additions: "addition",
  max_removals_total: "removal",
};
/** Why wanted people are not there, by what looks and events showed. */
const ABSENT = {
  never_seen: "never seen here",
  gone: "gone",
  left: "left",
  offline: "offline",
  left_or_offline: "left or offline",
  removed: "removed by somebody",
  removed_or_offline: "removed by somebody or offline",
  blocked: "blocked",
};
const WITHHELD = {
  dry_run: "Dry run: nothing is written",
  paused: "Paused: nothing is written",
  audit_log: "The audit log cannot be written, so nothing is",
  state_dir: "The state cannot be kept, so nothing is written",
  quota: "The quota is used up, so nothing is written",
};

/** How far the passes under way are, how fast, with how much of the call budget, and for how long still. */
function progressWords({ doing, rooms, looked, calls, made, per_second, budget, seconds_left: left }) {
  const number = (value) => value.toLocaleString("en");
  const applying = doing === "applying";
  const rate = number(per_second < 10 ? per_second : Math.round(per_second));
  return [
    applying
      ? `${number(made)} of ${many(calls, "write call")} made, ${rate} a second`
      : `${number(looked)} of ${many(rooms, "room")} looked at, ${rate} a second`,
    budget && `${Math.min(100, Math.floor((100 * budget.used) / budget.limit))} % of ${budget.method}'s budget in use`,
    budget &&
      budget.limit < budget.configured &&
      `slowed down by the service to ${budget.limit} of ${budget.configured} calls a second`,
    left !== null ? `${lasts(left)} left` : applying && "looking at what came of it",
  ].filter(Boolean);
}

function lasts(seconds) {
  const [size, unit, rest, part] =
    seconds < 60
      ? [seconds, "s"]
      : seconds < 3600
        ? [Math.floor(seconds / 60), "min", seconds % 60, "s"]
        : [Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min"];
  return part ? `${size} ${unit} ${rest} ${part}` : `${size} ${unit}`;
}

const SIGNS = { good: "✓", quiet: "=", busy: "…", warn: "!", bad: "!" };

/** When the rooms were last seen, and that the last try saw nothing. */
function lastLook({ passes, service: { trouble }, rooms }) {
  const { last_ended: ended, last_tried: tried, running_since: running } = passes;
  const seen = rooms.map((room) => room.looked).filter(Boolean);
  const last = seen.length > 0 && seen.reduce((a, b) => (a > b ? a : b));
  const inVain = tried && (!ended || tried > ended);
  if (inVain || trouble) {
    const away = !trouble || trouble.code === "service_unreachable" || trouble.code === "no_clear_answer";
    return [
      tried && ["tried ", time(tried), away ? ", no answer; " : ", in vain; "],
      last ? ["last seen ", time(last)] : "no room was seen yet",
    ].flat();
  }
  if (running) return ["Looking at all rooms now, begun ", time(running)];
  return ended ? ["Looked at every room ", time(ended)] : ["Not every room was looked at yet"];
}

function notice(tone, title, ...children) {
  return make("section", { class: `notice ${tone}` }, make("h2", {}, title), ...children);
}

/** Why a room failed, and when it is tried again. */
function errorWords(error, next) {
  return make(
    "p",
    {},
    error.user && make("b", {}, `${error.user}: `),
    prose(error.message),
    make("span", { class: "soft" }, ` (${error.code})`),
    next && make("span", { class: "soft" }, " · next try ", time(next, "due")),
  );
}

/** How to let through what a guard holds. */
function blockedWords(block) {
  const { guard, limit, wanted, of } = block;
  if (guard === "removal_budget") return budgetWords(block);
  if (guard === "allow_empty") return endedWords(block);
  const total = guard === "max_removals_total";
  const kept = guard === "max_additions" ? "nobody is added, removed or demoted" : "nobody is removed or demoted";
  const words = many(wanted, `${WANTS[guard] || "change"} is`, `${WANTS[guard] || "change"}s are`);
  return [
    make(
      "p",
      {},
      code(guard),
      ` allows ${limit} of ${of}, ${words} wanted${total ? " in all rooms together" : ""}. Until it allows them, ${kept} ${total ? "in any room" : "here"}.`,
    ),
    make(
      "p",
      {},
      "If they are meant, write ",
      make("code", { class: "fix" }, `guards: {${guard}: ${wanted}}`),
      total ? " into the settings and reload them (SIGHUP)." : " into the room's entry and merge.",
    ),
  ];
}

/** The command that lets through once what is kept back in a room. */
const approveWords = (room) =>
  make(
    "p",
    {},
    "Or let these people through once, after which the guards stand as before: ",
    make("code", { class: "fix" }, `roomsync approve ${room}`),
    ". Take a line that you write for this out again afterwards.",
  );

function budgetWords({ guard, limit, wanted, of }) {
  return [
    make(
      "p",
      {},
      code(guard),
      ` lets ${limit} of ${of} go within its window, ${many(wanted, "name")} left the files. Those beyond it stay until the window has room; the room's notes say who, and until when.`,
    ),
    make(
      "p",
      {},
      "If all of them are meant, write ",
      make("code", { class: "fix" }, `guards: {${guard}: off}`),
      " into the room's entry and merge.",
    ),
  ];
}

function endedWords({ wanted }) {
  return [
    make(
      "p",
      {},
      `Every place in a list of this room has ended. ${wanted === 1 ? "Who was last stays" : `The ${wanted} who were last stay`}; the room's notes say who.`,
    ),
    make("p", {}, "List somebody, or write ", make("code", { class: "fix" }, "allow_empty"), " into the room's entry, and merge."),
  ];
}

function holdWords(hold) {
  const demotions = hold.guard === "max_demotions";
  const kept = demotions ? "demoted" : "removed";
  return [
    make(
      "p",
      {},
      `${many(hold.dropped, "name")} of ${hold.of} left the ${demotions ? "admins" : "list"} of this room at once, `,
      time(hold.since),
      "; ",
      code(hold.guard),
      ` allows ${hold.limit}. ${hold.held === hold.dropped ? "None of them is" : `The ${hold.held} still held are not`} ${kept} until a person decides.`,
    ),
    make(
      "p",
      {},
      "Put them back, or allow it with ",
      make("code", { class: "fix" }, `guards: {${hold.guard}: ${hold.dropped}}`),
      " in the room's own entry, and merge.",
    ),
    make(
      "details",
      { "data-key": `hold-${hold.room}-${hold.guard}` },
      make("summary", { "data-key": `who-${hold.room}-${hold.guard}` }, `Who: ${many(hold.held, "name")}`),
      make(
        "p",
        { class: "names" },
        hold.users.join(", "),
        hold.held > hold.users.length && ` and ${many(hold.held - hold.users.length, "more", "more")}`,
      ),
    ),
  ];
}

const differs = (room) => room.add + room.remove + room.promote + room.demote + room.allow + room.disallow;

function drift(room) {
  const { set_aside: aside, coming_and_going: going, contested } = room.missing;
  const absent = going.length + room.not_here;
  const missing = [
    absent && `${absent} not here`,
    contested.length && `${contested.length} contested`,
    aside.length && `${aside.length} set aside`,
  ].filter(Boolean);
  const parts = [
    [room.add, "+", "to add"],
    [room.remove, "−", "to remove"],
    [room.promote, "↑", "to promote"],
    [room.demote, "↓", "to demote"],
    [room.allow, "◆", "to put on the allow list"],
    [room.disallow, "◇", "to take off the allow list"],
  ].filter(([number]) => number);
  if (!parts.length && !missing.length)
    return make("span", { class: "drift soft" }, room.state === "observed" ? "as wanted" : "");
  return make(
    "span",
    { class: "drift" },
    missing.map((words) => make("span", { class: "nowrap" }, words)),
    parts.map(([number, sign, word], index) =>
      make(
        "span",
        { title: `${number} ${word}` },
        make("span", { "aria-hidden": "true" }, `${sign}${number}`),
        hidden(`${index ? ", " : ""}${number} ${word}`),
      ),
    ),
  );
}

/** The first of some names, and how many more there are. */
const namesOf = (names) =>
  names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");

/** How many wanted people are not there, by reason, but for those who are named. */
function absentWords(absent) {
  const counts = Object.keys(ABSENT).filter((reason) => absent[reason]);
  const words = counts.map((reason) => `${absent[reason].toLocaleString("en")} ${ABSENT[reason]}`);
  return words.length ? `not here: ${words.join(", ")}` : "";
}

/** Who is not there, and what is known of the reason. */
const absentList = (absences) =>
  make(
    "ul",
    { class: "remarks" },
    absences
      .slice(0, 100)
      .map(({ user, message, event }) =>
        make("li", {}, make("b", {}, `${user}: `), message, event && " · ", event && time(event)),
      ),
  );

/** What keeps a room from being as wanted, in a line. */
function why(room, holds) {
  const parts = [];
  const isHold = (guard) => holds.some((hold) => hold.guard === guard);
  if (room.error) parts.push(room.error.user ? `${room.error.user}: ${room.error.message}` : room.error.message);
  for (const { guard, limit, of, wanted } of room.blocked)
    if (guard === "allow_empty") parts.push(`${many(wanted, "person", "people")} kept: every place in a list has ended`);
    else if (!isHold(guard)) parts.push(`${guard} allows ${limit} of ${of}, ${wanted} wanted`);
  const { set_aside: aside, coming_and_going: going, contested } = room.missing;
  if (contested.length) parts.push(`${namesOf(contested)} ${contested.length === 1 ? "is" : "are"} contested`);
  if (going.length) parts.push(`${namesOf(going)} ${going.length === 1 ? "comes and goes" : "come and go"}`);
  if (aside.length) parts.push(`${namesOf(aside)} ${aside.length === 1 ? "is" : "are"} set aside`);
  const absent = absentWords(room.absent);
  if (absent) parts.push(absent);
  if (room.pending) parts.push(`${many(room.pending, "person waits", "people wait")} for the files to settle`);
  for (const { guard, limit, of, held } of holds) {
    parts.push(`${many(held, "name")} held: ${guard} allows ${limit} of ${of}`);
  }
  return parts.join(" · ");
}

function feed(changes, named) {
  return make(
    "ol",
    { class: "feed" },
    changes.map((change) => {
      const done = change.result === "done";
      return make(
        "li",
        { class: done ? "" : "undone" },
        make(
          "p",
          {},
          make(
            "span",
            { class: "op", "aria-hidden": "true" },
            done ? { add: "+", remove: "−", promote: "↑", demote: "↓", allow: "◆", disallow: "◇" }[change.op] : "×",
          ),
          make("b", {}, change.user),
          ` ${(done ? DONE : UNDONE)[change.op] || change.op} `,
          named ? roomLink(change.room) : "it",
          !done && `: ${change.result}`,
        ),
        make(
          "p",
          { class: "soft" },
          time(change.time),
          change.file && " · as ",
          change.file && make("span", { class: "spot" }, `${change.file}${change.line ? `:${change.line}` : ""}`),
          change.file && " says",
        ),
      );
    }),
  );
}

/** Who differs: as `-` and `+` lines, the first of them at once and the others when asked for. */
function diffOf({ id, diff }) {
  if (!diff.length) return make("p", { class: "soft" }, "Nobody differs.");
  const box = (lines) => {
    const kind = (line) => (line[0] === "+" ? "ins" : line[0] === "-" ? "del" : "span");
    return make(
      "div",
      { class: "diff", role: "group", "aria-label": "From live to wanted" },
      lines.map((line) => make(kind(line), {}, line)),
    );
  };
  const rest = diff.slice(DIFF_LINES, MOST_DIFF_LINES);
  const beyond = diff.length - DIFF_LINES - rest.length;
  return [
    box(diff.slice(0, DIFF_LINES)),
    rest.length > 0 &&
      make(
        "details",
        { "data-key": `diff-${id}` },
        make("summary", { "data-key": `more-${id}` }, `Show ${many(rest.length, "more line")}`),
        box(rest),
      ),
    beyond > 0 &&
      make("p", {}, `And ${many(beyond, "line")} beyond: `, code(`roomsync plan --room ${id}`), " shows all."),
  ];
}
