// ---- the rooms

const rank = (room) => RANK.indexOf(room.state) * 2 + (room.state === "observed" && differs(room) ? -1 : 0);

function chosen(status) {
  const words = page.find.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (room) => {
    const text = `${room.id} ${(room.name || "").toLowerCase()}`;
    return (!page.only.size || page.only.has(room.state)) && words.every((word) => text.includes(word));
  };
  const label = (room) => room.name || room.id;
  return status.rooms
    .filter(fits)
    .sort((a, b) => rank(a) - rank(b) || (label(a) < label(b) ? -1 : label(a) > label(b) ? 1 : 0));
}

function drawChips(status) {
  const counts = RANK.map((state) => status.rooms.filter((room) => room.state === state).length);
  draw($("chips"), [counts, [...page.only]], () =>
    RANK.map((state, index) => {
      const [sign, word, tone] = STATES[state];
      const on = page.only.has(state);
      if (!counts[index] && !on) return null;
      const flip = () => {
        if (!page.only.delete(state)) page.only.add(state);
        drawRooms(page.status);
      };
      return make(
        "button",
        { type: "button", class: `chip ${tone}`, "aria-pressed": String(on), "data-key": state, onclick: flip },
        make("span", { "aria-hidden": "true" }, sign),
        ` ${word} `,
        make("b", {}, counts[index].toLocaleString("en")),
      );
    }),
  );
}

function drawRooms(status) {
  drawChips(status);
  const all = chosen(status);
  const drawn = all.slice(0, page.most);
  const pinned = status.rooms.find((room) => room.id === page.pinned);
  if (pinned && !drawn.includes(pinned)) drawn.unshift(pinned);
  setText(
    $("shown"),
    all.length === status.rooms.length && drawn.length >= all.length
      ? many(all.length, "room")
      : `${Math.min(drawn.length, all.length).toLocaleString("en")} shown of ${many(all.length, "room")}${all.length < status.rooms.length ? ` that fit, ${status.rooms.length.toLocaleString("en")} in all` : ""}`,
  );
  const rest = all.length - page.most;
  $("more").hidden = rest <= 0;
  setText($("more"), `Show ${Math.min(rest, STEP)} more`);
  const list = $("list");
  const focus = list.contains(document.activeElement) ? document.activeElement : null;
  const keep = new Set(drawn.map((room) => room.id));
  for (const [id, row] of page.rows) {
    if (!keep.has(id)) {
      row.remove();
      page.rows.delete(id);
    }
  }
  let next = list.firstElementChild;
  for (const room of drawn) {
    let row = page.rows.get(room.id);
    if (!row) page.rows.set(room.id, (row = newRow(room.id)));
    fillRow(row, room);
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
  if (focus && focus.isConnected && focus !== document.activeElement) focus.focus({ preventScroll: true });
}

function newRow(id) {
  const button = make("button", {
    type: "button",
    class: "row",
    "aria-expanded": "false",
    "aria-controls": `body-${id}`,
    onclick: () => toggle(id),
  });
  const row = make(
    "li",
    { id: `room-${id}` },
    make("h3", {}, button),
    make("p", { class: "why", hidden: true }),
    make("div", { class: "body", id: `body-${id}`, hidden: true }),
  );
  if (page.details.has(id)) expand(row, true);
  return row;
}

function expand(row, open) {
  row.querySelector(".row").setAttribute("aria-expanded", String(open));
  row.querySelector(".body").hidden = !open;
}

function fillRow(row, room) {
  const [sign, word, tone] = STATES[room.state] || ["?", room.state, "quiet"];
  row.dataset.tone = tone;
  const button = row.querySelector(".row");
  draw(button, [room, page.lost], () => [
    make(
      "span",
      { class: `state ${tone}` },
      make("span", { class: "dot", "aria-hidden": "true" }, sign),
      hidden("State: "),
      page.lost ? `was ${word.toLowerCase()}` : word,
    ),
    make(
      "span",
      { class: "label" },
      make("bdi", { class: "name" }, room.name || room.id),
      room.name && make("span", { class: "id soft" }, room.id),
    ),
    drift(room),
    make(
      "span",
      { class: "seen soft" },
      room.looked ? (room.state === "unknown" ? "seen " : hidden("looked at ")) : "",
      room.looked ? time(room.looked) : "",
    ),
  ]);
  const because = row.querySelector(".why");
  const holds = page.status.holds.filter((hold) => hold.room === room.id);
  const text = why(room, holds);
  draw(because, [text, room.next_try], () => [
    text,
    room.next_try && make("span", { class: "soft" }, text && " · ", "next try ", time(room.next_try, "due")),
  ]);
  because.hidden = !text && !room.next_try;
  if (page.details.has(room.id)) fillDetail(row, room.id);
}

function toggle(id) {
  const row = page.rows.get(id);
  const open = !page.details.has(id);
  if (open) page.details.set(id, { tag: null, room: null, error: "" });
  else page.details.delete(id);
  if (!open && page.pinned === id) page.pinned = null;
  history.replaceState(null, "", open ? `#room-${id}` : location.pathname);
  expand(row, open);
  if (open) {
    fillDetail(row, id);
    fetchDetail(id);
  }
}

async function fetchDetail(id) {
  const detail = page.details.get(id);
  if (!detail) return;
  try {
    const answer = await ask(`/api/rooms/${id}`, detail.tag);
    if (answer) Object.assign(detail, answer, { room: answer.body, error: "" });
  } catch (error) {
    detail.error = error.message;
  }
  const row = page.rows.get(id);
  if (row && page.details.get(id) === detail) fillDetail(row, id);
}

function fillDetail(row, id) {
  const { room, error } = page.details.get(id);
  draw(row.querySelector(".body"), [room, error], () => {
    if (!room) return make("p", { class: "soft" }, error ? `This room cannot be shown: ${error}` : "Asking…");
    return [
      error && make("p", { class: "soft" }, `Not updated: ${error}`),
      make(
        "p",
        { class: "facts soft" },
        `Mode ${room.mode}`,
        room.live && ` · ${many(room.live.members, "member")} live`,
        room.live && room.live.admins !== null && `, ${many(room.live.admins, "admin")} among them`,
        ` · ${(STATES[room.state] || ["", room.state])[1].toLowerCase()} for `,
        time(room.since, "lasting"),
        ` · id ${room.id}`,
      ),
      room.error &&
        make(
          "p",
          { class: "error" },
          make("b", {}, "Error: "),
          room.error.user && `${room.error.user}: `,
          prose(room.error.message),
          make("span", { class: "soft" }, ` (${room.error.code})`),
        ),
      room.blocked.map(blockedWords),
      room.holds.map((hold) => holdWords(hold)),
      room.holds.length + room.blocked.length > 0 && approveWords(room.id),
      make("h4", {}, "Live → wanted"),
      diffOf(room),
      room.absences.length > 0 && make("h4", {}, "Not here"),
      room.absences.length > 0 && absentList(room.absences),
      room.absences.length > 100 && make("p", { class: "soft" }, "More are in ", code(`/api/rooms/${id}`)),
      room.remarks.length > 0 && make("h4", {}, "Remarks"),
      room.remarks.length > 0 &&
        make(
          "ul",
          { class: "remarks" },
          room.remarks
            .slice(0, 100)
            .map((note) =>
              make(
                "li",
                {},
                note.user && make("b", {}, `${note.user}: `),
                prose(note.message),
                make("span", { class: "soft" }, ` (${note.code})`),
              ),
            ),
        ),
      room.changes.length > 0 && make("h4", {}, "Its last changes"),
      room.changes.length > 0 && feed(room.changes, false),
    ].flat(3);
  });
}
