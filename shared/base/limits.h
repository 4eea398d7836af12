// Every limit on input, in one place. Bytes unless the name says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perigee::limits {

inline constexpr uint64_t kManifestBytes = 1 << 20;  // one apply, all files
inline constexpr int kManifestDepth = 64;            // nesting of YAML or JSON
inline constexpr int kManifestNodes = 50'000;
inline constexpr int kManifestObjects = 1'000;       // documents in one apply
inline constexpr int kErrorsReported = 50;           // per apply
inline constexpr uint64_t kConfigBytes = 512 << 10;  // one Config or Secret
inline constexpr int kEpochMarks = 64;  // of a satellite's entries, one for each epoch with changes
inline constexpr uint64_t kStatusMessageBytes = 64 << 10;  // one status delta part
inline constexpr uint64_t kStreamMessageBytes = 1 << 20;   // one message of a session
inline constexpr uint64_t kDeltaPartBytes = 768 << 10;     // entries in one part of a delta
// What one satellite may have stored for it, what that may be as parts on their way, and one entry of it. The first
// leaves the second room for what wraps the entries, so that whatever is stored can be delivered.
inline constexpr uint64_t kSatelliteEntriesBytes = 224ull << 20;
inline constexpr uint64_t kDeltaBytes = 256ull << 20;
inline constexpr uint64_t kEntryBytes = kStreamMessageBytes;
inline constexpr uint64_t kHttpBodyBytes = 256 << 10;  // enrol, login, recover
inline constexpr uint64_t kTokenFileBytes = 4096;
inline constexpr uint64_t kLocalPacketBytes = 4 << 20;  // launcher socket
inline constexpr uint64_t kLogLineBytes = 16 << 10;
inline constexpr int kLabels = 64;  // per object
inline constexpr size_t kLabelValueLength = 63;
inline constexpr size_t kStringLength = 64 << 10;  // any other text field
inline constexpr int kTransactionKeys = 1'000;     // changed objects
inline constexpr size_t kTransactionRows = 4'096;  // keys written: objects, their status, audit records
inline constexpr size_t kTransactionBytes = 16 << 20;
inline constexpr size_t kSequenceBytes =
    kTransactionBytes / 2;  // entries put by one sequence; the rest follows
inline constexpr size_t kStoreKeyBytes = 1'024;
inline constexpr size_t kGroupCommitTransactions = 256;  // made durable by one fsync
inline constexpr size_t kGroupCommitBytes = 16 << 20;
inline constexpr int kListPage = 1'000;
inline constexpr int kEventBatch = 256;
inline constexpr int kEventsPerObject = 100;
inline constexpr int kEventRetentionDays = 7;
inline constexpr int kOutboxEvents = 10'000;  // kept while away, the oldest go first
inline constexpr int kRevisionsPerWorkload = 20;
inline constexpr int kChangeFeedMinutes = 10;
inline constexpr uint64_t kChangeFeedBytes = 64 << 20;  // of them kept in memory, whichever is less
inline constexpr size_t kFeedAnswerChanges = 1'000;     // given at once to a reader of the feed, about
inline constexpr size_t kObservationQueue = 50'000;     // objects whose status waits to be written
inline constexpr size_t kObservationBatch = 500;        // of them written at once
inline constexpr size_t kEventTextBytes = 4 << 10;
inline constexpr int kWatchQueue = 4'096;              // changes a watcher may lag before it must list again
inline constexpr uint64_t kReplicaLogBytes = 8 << 20;  // per replica: two files of half of it
inline constexpr uint64_t kReplicaLogBytesMax = 1 << 30;
inline constexpr uint64_t kLogReadBytes = 64 << 20;     // of a replica's log, the newest
inline constexpr size_t kCommandElements = 1'000;       // command and environment, each
inline constexpr size_t kCommandBytes = 256 << 10;      // command and environment together
inline constexpr size_t kReplicaFiles = 256;            // files placed for one replica
inline constexpr uint64_t kReplicaFileBytes = 3 << 20;  // their content together
inline constexpr uint64_t kReplicaScratchBytes = 64
                                                 << 20;  // memory for what a replica writes beside its files
inline constexpr int kGraceHours = 24;                   // longest grace of a stop
inline constexpr int kReplicasPerSite = 100;
inline constexpr int kPlacedPerWorkload = 10'000;
inline constexpr int kTimeFloorStepHours = 1;  // by which one word of the control plane raises a satellite's
inline constexpr int kLoginFailuresPerMinute = 5;  // per address

}  // namespace perigee::limits
