// Revisioned keys, durable and watched: where the control plane keeps everything.
//
// Invariants: a commit is atomic and has one new revision; what Commit has
// acknowledged survives kill -9 and loss of power; a lost comparison is ABORTED,
// never a silent overwrite; the change feed is ordered and has no gaps, or says
// OUT_OF_RANGE. One suite (tests/conformance/control-plane/store) judges every
// implementation. All methods are thread-safe.
//
//   PERIGEE_ASSIGN_OR_RETURN(Record record, store.Get(key));
//   auto revision = store.Commit({.compares = {{key, record.revision}}, .puts = {{key, changed}}});
//   if (absl::IsAborted(revision.status())) ... // somebody was faster: read and decide again
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace perigee::control {

struct Compare {
  std::string key;
  int64_t revision = 0;  // of the last change of the key; 0: it must not exist
  bool operator==(const Compare&) const = default;
};
struct Put {
  std::string key;
  std::string value;
  bool operator==(const Put&) const = default;
};
// A key stands at most once in puts and deletes together. Deleting what is not there is no change.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Put> puts;
  std::vector<std::string> deletes;
};
struct Record {
  std::string key;
  std::string value;
  int64_t revision = 0;  // of its last change
  bool operator==(const Record&) const = default;
};
struct Page {
  std::vector<Record> records;  // in byte order of the key
  bool more = false;            // go on after the last key
  int64_t revision = 0;         // of the store when it was read; all records are of this one moment
};
struct Change {
  int64_t revision = 0;
  std::string key;
  std::optional<std::string> value;  // nothing: deleted
  bool operator==(const Change&) const = default;
};

// One reader of the change feed. Next is for one thread; Cancel for any.
class Feed {
 public:
  virtual ~Feed() = default;
  // Waits until there are changes; empty after `timeout`. In order of revision; the changes of one revision
  // come together. OUT_OF_RANGE: too slow, list again. CANCELLED: the store closes, or Cancel was called.
  [[nodiscard]] virtual absl::StatusOr<std::vector<Change>> Next(absl::Duration timeout) = 0;
  virtual void Cancel() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Blocks until durable and returns the new revision (the current one if there was nothing to change).
  // ABORTED: a comparison was lost. INVALID_ARGUMENT: over the limits of limits.h or a key twice.
  // RESOURCE_EXHAUSTED: disk full, nothing was written. UNAVAILABLE: nothing was acknowledged; it may or may
  // not be there, so read before trying again. Watchers have been woken when this returns.
  [[nodiscard]] virtual absl::StatusOr<int64_t> Commit(Transaction transaction) = 0;

  // NOT_FOUND when there is no such key.
  [[nodiscard]] virtual absl::StatusOr<Record> Get(std::string_view key) = 0;

  // Keys that begin with `prefix` and follow `after` (empty: from the first), at most `limit` of them.
  [[nodiscard]] virtual absl::StatusOr<Page> List(std::string_view prefix, int limit,
                                                  std::string_view after) = 0;

  // Changes of keys that begin with `prefix`, of revisions over `from_revision`. OUT_OF_RANGE when those are
  // no longer (or not yet) known: list, then watch from the page's revision. A feed may outlive the store.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Feed>> Watch(std::string_view prefix,
                                                                    int64_t from_revision) = 0;

  // Of the last acknowledged commit.
  virtual int64_t Revision() = 0;
};

}  // namespace perigee::control
