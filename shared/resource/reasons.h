// The one table of reasons. Every condition, event, replica state, refusal and
// finding of `explain` carries a word from here: a word never changes its
// meaning, the message beside it says what is wrong in this case, and the next
// step says what a person does about it.
//
//   condition.set_reason(std::string(reason::kNoFit));
//   FindReason("NoFit")->next_step
#pragma once

#include <span>
#include <string_view>

namespace perigee {

enum class Severity {
  kOk,       // as asked
  kWaiting,  // on its way, or waiting for somebody
  kProblem,  // not as asked; will not mend without a cause going away
};

struct ReasonInfo {
  std::string_view word;
  Severity severity;
  std::string_view meaning;
  std::string_view next_step;  // empty where nothing is to be done
};

// Null when the word is not in the table.
const ReasonInfo* FindReason(std::string_view word);
std::span<const ReasonInfo> AllReasons();
// "ok", "waiting" or "problem".
std::string_view SeverityName(Severity severity);

namespace reason {

// Replicas: the course of a life.
inline constexpr std::string_view kReady = "Ready";
inline constexpr std::string_view kScheduled = "Scheduled";
inline constexpr std::string_view kStarting = "Starting";
inline constexpr std::string_view kStarted = "Started";
inline constexpr std::string_view kAdopted = "Adopted";
inline constexpr std::string_view kFetching = "Fetching";
inline constexpr std::string_view kWaitingForReadiness = "WaitingForReadiness";
inline constexpr std::string_view kStopping = "Stopping";
inline constexpr std::string_view kStopped = "Stopped";
inline constexpr std::string_view kRemoved = "Removed";
inline constexpr std::string_view kCompleted = "Completed";
inline constexpr std::string_view kRestartRequested = "RestartRequested";
inline constexpr std::string_view kReplaced = "Replaced";
inline constexpr std::string_view kNotReported = "NotReported";
inline constexpr std::string_view kDelivered = "Delivered";

// Replicas: what goes wrong.
inline constexpr std::string_view kProbeFailing = "ProbeFailing";
inline constexpr std::string_view kStartupProbeFailing = "StartupProbeFailing";
inline constexpr std::string_view kLivenessFailed = "LivenessFailed";
inline constexpr std::string_view kCrashLoop = "CrashLoop";
inline constexpr std::string_view kExited = "Exited";
inline constexpr std::string_view kOutOfMemory = "OutOfMemory";
inline constexpr std::string_view kProgramNotFound = "ProgramNotFound";
inline constexpr std::string_view kProgramNotExecutable = "ProgramNotExecutable";
inline constexpr std::string_view kStartFailed = "StartFailed";
inline constexpr std::string_view kFileNotWritable = "FileNotWritable";
inline constexpr std::string_view kPortTaken = "PortTaken";
inline constexpr std::string_view kKilledAfterGrace = "KilledAfterGrace";
inline constexpr std::string_view kStopAfterNoContact = "StopAfterNoContact";
inline constexpr std::string_view kDeadlineMissed = "DeadlineMissed";
inline constexpr std::string_view kOnPrevious = "OnPrevious";
inline constexpr std::string_view kSecretNotOpened = "SecretNotOpened";
inline constexpr std::string_view kEntryRefused = "EntryRefused";
inline constexpr std::string_view kAgentTooOld = "AgentTooOld";
inline constexpr std::string_view kNotSupported = "NotSupported";
inline constexpr std::string_view kProcessLost = "ProcessLost";

// Workloads and placement.
inline constexpr std::string_view kAsAsked = "AsAsked";
inline constexpr std::string_view kProgressing = "Progressing";
inline constexpr std::string_view kReplicasNotReady = "ReplicasNotReady";
inline constexpr std::string_view kNoSite = "NoSite";
inline constexpr std::string_view kNoSatellite = "NoSatellite";
inline constexpr std::string_view kNoFit = "NoFit";
inline constexpr std::string_view kHostPortConflict = "HostPortConflict";
inline constexpr std::string_view kSiteNotAllowed = "SiteNotAllowed";
inline constexpr std::string_view kMissingSiteValue = "MissingSiteValue";
inline constexpr std::string_view kMissingConfig = "MissingConfig";
inline constexpr std::string_view kMissingSecret = "MissingSecret";
inline constexpr std::string_view kMissingKey = "MissingKey";
inline constexpr std::string_view kTooLarge = "TooLarge";
inline constexpr std::string_view kHeld = "Held";
inline constexpr std::string_view kPaused = "Paused";
inline constexpr std::string_view kCordoned = "Cordoned";
inline constexpr std::string_view kDraining = "Draining";

// Replacement.
inline constexpr std::string_view kWaitingForPermit = "WaitingForPermit";
inline constexpr std::string_view kWaitingForBudget = "WaitingForBudget";
inline constexpr std::string_view kWaitingForContact = "WaitingForContact";
inline constexpr std::string_view kRolloutPaused = "RolloutPaused";
inline constexpr std::string_view kRevisionRejected = "RevisionRejected";
inline constexpr std::string_view kRevisionCreated = "RevisionCreated";
inline constexpr std::string_view kDeleting = "Deleting";

// Satellites and links.
inline constexpr std::string_view kLive = "Live";
inline constexpr std::string_view kStale = "Stale";
inline constexpr std::string_view kUnknownSinceRestart = "UnknownSinceRestart";
inline constexpr std::string_view kConnected = "Connected";
inline constexpr std::string_view kDisconnected = "Disconnected";
inline constexpr std::string_view kNeverSeen = "NeverSeen";
inline constexpr std::string_view kApplied = "Applied";
inline constexpr std::string_view kApplying = "Applying";
inline constexpr std::string_view kClockSkew = "ClockSkew";
inline constexpr std::string_view kDiskFull = "DiskFull";
inline constexpr std::string_view kStateNotWritable = "StateNotWritable";
inline constexpr std::string_view kLauncherDown = "LauncherDown";
inline constexpr std::string_view kForeignReplicas = "ForeignReplicas";
inline constexpr std::string_view kIsolationMissing = "IsolationMissing";
inline constexpr std::string_view kIsolationComplete = "IsolationComplete";
inline constexpr std::string_view kLimitsNotEnforced = "LimitsNotEnforced";
inline constexpr std::string_view kLimitsEnforced = "LimitsEnforced";
inline constexpr std::string_view kEventsDropped = "EventsDropped";
inline constexpr std::string_view kRebooted = "Rebooted";
inline constexpr std::string_view kAgentStarted = "AgentStarted";
inline constexpr std::string_view kRecovering = "Recovering";
inline constexpr std::string_view kEpochConflict = "EpochConflict";
inline constexpr std::string_view kSignatureInvalid = "SignatureInvalid";
inline constexpr std::string_view kDeliveryInvalid = "DeliveryInvalid";
inline constexpr std::string_view kDeliveryOld = "DeliveryOld";
inline constexpr std::string_view kDeliveryRefused = "DeliveryRefused";
inline constexpr std::string_view kForeignReport = "ForeignReport";
inline constexpr std::string_view kProtocolViolation = "ProtocolViolation";
inline constexpr std::string_view kProtocolUnknown = "ProtocolUnknown";
inline constexpr std::string_view kSilent = "Silent";
inline constexpr std::string_view kShuttingDown = "ShuttingDown";
inline constexpr std::string_view kBusy = "Busy";

// Identity and enrolment.
inline constexpr std::string_view kEnrolled = "Enrolled";
inline constexpr std::string_view kWaitingForApproval = "WaitingForApproval";
inline constexpr std::string_view kApproved = "Approved";
inline constexpr std::string_view kDenied = "Denied";
inline constexpr std::string_view kTokenUnknown = "TokenUnknown";
inline constexpr std::string_view kTokenExpired = "TokenExpired";
inline constexpr std::string_view kTokenUsed = "TokenUsed";
inline constexpr std::string_view kTokenValid = "TokenValid";
inline constexpr std::string_view kNameTaken = "NameTaken";
inline constexpr std::string_view kSiteDeleted = "SiteDeleted";
inline constexpr std::string_view kRevoked = "Revoked";
inline constexpr std::string_view kQuarantined = "Quarantined";
inline constexpr std::string_view kCertificateRenewed = "CertificateRenewed";
inline constexpr std::string_view kCertificateExpiring = "CertificateExpiring";
inline constexpr std::string_view kCertificateExpired = "CertificateExpired";
inline constexpr std::string_view kRecovered = "Recovered";

}  // namespace reason
}  // namespace perigee
