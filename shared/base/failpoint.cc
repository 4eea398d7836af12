#include "shared/base/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

enum class Action { kError, kCrash };

struct Failpoint {
  Action action = Action::kError;
  int only_passage = 0;  // 0: every one
  int passages = 0;
};

struct Failpoints {
  absl::Mutex mutex;
  std::map<std::string, Failpoint, std::less<>> armed ABSL_GUARDED_BY(mutex);
  std::atomic<bool> any{false};

  Failpoints() {
    if (const char* specification = std::getenv("PERIGEE_FAILPOINTS")) Arm(specification);
  }

  void Arm(std::string_view specification) {
    absl::MutexLock lock(&mutex);
    armed.clear();
    for (const absl::string_view item : absl::StrSplit(ToAbsl(specification), ';', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> name_and_action =
          absl::StrSplit(item, absl::MaxSplits('=', 1));
      armed[name_and_action.first] = Parse(name_and_action.second);
    }
    any.store(!armed.empty(), std::memory_order_relaxed);
  }

  static Failpoint Parse(const std::string& text) {
    const std::pair<std::string, std::string> action_and_passage =
        absl::StrSplit(text, absl::MaxSplits('@', 1));
    const auto& [action, passage] = action_and_passage;
    Failpoint point{action == "crash" ? Action::kCrash : Action::kError};
    const bool known = action == "crash" || action == "error";
    if (!known || (!passage.empty() && !absl::SimpleAtoi(passage, &point.only_passage))) {
      std::fprintf(stderr, "PERIGEE_FAILPOINTS: write NAME=crash[@N] or NAME=error[@N], not =%s\n",
                   text.c_str());
      std::abort();
    }
    return point;
  }
};

Failpoints& All() {
  static Failpoints* const failpoints = new Failpoints();
  return *failpoints;
}

}  // namespace

absl::Status PassFailpoint(std::string_view name) {
  Failpoints& all = All();
  if (!all.any.load(std::memory_order_relaxed)) return absl::OkStatus();
  absl::MutexLock lock(&all.mutex);
  const auto found = all.armed.find(name);
  if (found == all.armed.end()) return absl::OkStatus();
  Failpoint& point = found->second;
  ++point.passages;
  if (point.only_passage != 0 && point.passages != point.only_passage) return absl::OkStatus();
  if (point.action == Action::kCrash) kill(getpid(), SIGKILL);
  return absl::UnavailableError(absl::StrCat("failpoint ", ToAbsl(name)));
}

void ArmFailpoints(std::string_view specification) {
  All().Arm(specification);
}

}  // namespace perigee
