use super::Guard;
use serde::{Serialize, Serializer};
use std::fmt;

/// Declares the codes that stand for themselves, each with its text.
macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Stable code of a remark, a refusal or a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ReasonCode {
            /// A guard holds it.
            Guard(Guard),
            $($(#[$doc])* $name,)*
        }

        impl ReasonCode {
            /// Text of the code, in reports, logs and on the page.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::Guard(guard) => guard.as_str(),
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reason_codes! {
    /// Wanted members are not here, and that is no drift (`absent: ignore`).
    Absent = "absent",
    /// An admin who is not listed is kept, because the room's admins are not managed.
    AdminKept = "admin_kept",
    /// There is no place for another admin.
    AdminsFull = "admins_full",
    /// The room's allow list has no place for another member.
    AllowListFull = "allow_list_full",
    /// The room's allow list cannot be read or written, so it keeps nobody in the room.
    AllowListUnusable = "allow_list_unusable",
    /// The service says that there was nothing to change for this user.
    AlreadySo = "already_so",
    /// The answer is larger than any that is read.
    AnswerTooLarge = "answer_too_large",
    /// A person has approved what a guard would hold.
    Approved = "approved",
    /// The audit log cannot be written.
    AuditLog = "audit_log",
    /// Somebody who was to be removed is an admin now, and the room's admins are not managed.
    BecameAdmin = "became_admin",
    /// Somebody who was to be removed or demoted owns the room now.
    BecameOwner = "became_owner",
    /// Somebody's place has probably ended, but the clocks do not agree.
    Clock = "clock",
    /// A wanted member leaves again and again, and is left alone for a while.
    ComingAndGoing = "coming_and_going",
    /// A wanted person is put out or demoted as often as they are added or promoted, and is left alone for a day.
    Contested = "contested",
    /// The service does not accept the token.
    CredentialsRefused = "credentials_refused",
    /// A dry run writes nothing.
    DryRun = "dry_run",
    /// With the owner left out, a managed key comes to nobody.
    Empty = "empty",
    /// Each call that names somebody fails, while calls for others go through.
    FailsAlone = "fails_alone",
    /// A key of the room says otherwise than in the base version of the files, and lets no more through for it.
    FilesChange = "files_change",
    /// A live name breaks our rules and is left alone.
    ForeignName = "foreign_name",
    /// A key of the room lets more through than it did in the base version of the files; in a new room, than the settings do.
    GuardLoosened = "guard_loosened",
    /// More names left the files at once than a guard allows: they are kept.
    Held = "held",
    /// The room could not be read completely.
    IncompleteRead = "incomplete_read",
    /// Somebody asked for the end of the run.
    Interrupted = "interrupted",
    /// The base version of the files wants somebody here, or as an admin, whom the files no longer do.
    LeavesFiles = "leaves_files",
    /// A pattern of the files matches nobody.
    MatchesNobody = "matches_nobody",
    /// The room is no longer as it was when the plan was made.
    Moved = "moved",
    /// The base version of the files has no such room.
    NewRoom = "new_room",
    /// The call may or may not have taken effect, or a list contradicts itself.
    NoClearAnswer = "no_clear_answer",
    /// The step would leave the room without a wanted admin.
    NoOtherAdmin = "no_other_admin",
    /// The token's user may not do this.
    NoPermission = "no_permission",
    /// The service does not know the app.
    NoSuchApp = "no_such_app",
    /// The service does not know the room.
    NoSuchRoom = "no_such_room",
    /// The service does not know the user.
    NoSuchUser = "no_such_user",
    /// The request's path would not be exactly one of the known calls.
    NotAKnownCall = "not_a_known_call",
    /// It was not the room's turn.
    NotBegun = "not_begun",
    /// The service answered that it is done, and neither names the person nor shows it to a second look at the room.
    NotConfirmed = "not_confirmed",
    /// The look ended before this room.
    NotLookedAt = "not_looked_at",
    /// Somebody would have to be added again, and the plan that is carried out does not say so.
    NotPlanned = "not_planned",
    /// The service says that it adds somebody, and never shows them in the room.
    NotTaken = "not_taken",
    /// Somebody else owns the room than the files say.
    OwnerDiffers = "owner_differs",
    /// Somebody who was removed or demoted owns the room now.
    OwnerRemoved = "owner_removed",
    /// A setting or a file pauses all writing.
    Paused = "paused",
    /// Somebody would go by the files in force, and stays until these have been unchanged for long enough.
    Pending = "pending",
    /// Somebody would have gone but for `protect`.
    Protected = "protected",
    /// The pricing plan's quota is used up.
    Quota = "quota",
    /// The service keeps answering that the call rate is exceeded.
    RateLimited = "rate_limited",
    /// The service answers with a redirect.
    Redirected = "redirected",
    /// The service refused for a reason of its own.
    Refused = "refused",
    /// The request has more bytes than the server takes.
    RequestTooLong = "request_too_long",
    /// There is no place for another member.
    RoomFull = "room_full",
    /// The service cannot be reached.
    ServiceUnreachable = "service_unreachable",
    /// Somebody whom the service does not take is not tried for a while.
    SetAside = "set_aside",
    /// The look on which a call stands was too old by the time the call could go.
    StaleRead = "stale_read",
    /// The state folder cannot be read or written.
    StateDir = "state_dir",
    /// The server accepts fewer names in one call.
    TooManyNames = "too_many_names",
    /// The server does not know the call.
    UnknownCall = "unknown_call",
    /// A place in the room ends within a week.
    UntilNear = "until_near",
    /// Somebody goes, or ceases to be an admin, because their place has ended.
    UntilOver = "until_over",
    /// More places end on a day than a guard lets through at once.
    UntilTripsGuard = "until_trips_guard",
    /// The user is in as many rooms as they can be.
    UserInTooManyRooms = "user_in_too_many_rooms",
    /// The files want somebody as they are whom a step would remove or demote.
    Wanted = "wanted",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ReasonCode {
    /// True if a wanted person is left alone for this reason, until its time is over.
    #[must_use]
    pub fn leaves_alone(self) -> bool {
        matches!(self, Self::SetAside | Self::ComingAndGoing | Self::Contested)
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
