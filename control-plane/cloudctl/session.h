// What the commands share: streams, the context, and the connection, which is
// made when a command first needs it. Not thread-safe.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/client/client.h"
#include "shared/client/context.h"
#include "shared/resource/registry.h"
#include "shared/table/table.h"

namespace CLI {
class App;
}

namespace perigee::control {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kChanges = 2;  // of diff

// A kind, and the name of one object of it where one was given.
struct Target {
  const KindInfo* kind = nullptr;
  std::string name;
};
// "KIND", "KIND/NAME" or "KIND" and "NAME". The error names the nearest kind.
absl::StatusOr<Target> ParseTarget(const std::vector<std::string>& words);
// The same where one object must be named.
absl::StatusOr<Target> ParseObjectTarget(const std::vector<std::string>& words);

class Session {
 public:
  Session(std::istream& in, std::ostream& out, std::ostream& err);

  std::istream& in() { return in_; }
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }

  // For tests: a client that is there already, another terminal, another clock.
  void UseClient(Client client) { client_ = std::move(client); }
  Rendering rendering;
  absl::TimeZone zone;
  absl::Time now;

  // Options that every command takes.
  std::string context_name;
  std::string project_option;
  bool all_projects = false;

  absl::StatusOr<Client*> client();
  absl::StatusOr<Context> context();
  // Of --project, else of the context, else "default".
  std::string project();
  // What a request about this kind says: empty for cloud-scoped kinds and for all projects.
  std::string ProjectFor(const KindInfo& kind);
  std::string ProjectForObject(const KindInfo& kind);

  // What the control plane has of that name.
  absl::StatusOr<v1::Resource> GetObject(const Target& target);

  // Runs a command and keeps its exit code; an error is told on the error stream.
  void Run(const std::function<absl::StatusOr<int>()>& command);
  int exit_code = kDone;

 private:
  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  std::optional<Client> client_;
};

void AddGet(CLI::App& app, Session& session);
void AddDescribe(CLI::App& app, Session& session);
void AddExplain(CLI::App& app, Session& session);
void AddApply(CLI::App& app, Session& session);
void AddDiff(CLI::App& app, Session& session);
void AddDelete(CLI::App& app, Session& session);
void AddEvents(CLI::App& app, Session& session);
void AddToken(CLI::App& app, Session& session);
void AddSatellite(CLI::App& app, Session& session);
void AddLogin(CLI::App& app, Session& session);
void AddWhoami(CLI::App& app, Session& session);
void AddContext(CLI::App& app, Session& session);
void AddFields(CLI::App& app, Session& session);
void AddCompletion(CLI::App& app, Session& session);

}  // namespace perigee::control
