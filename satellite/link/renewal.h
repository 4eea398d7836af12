// Keeps the certificate fresh, on a thread of its own ("renew"): asks for a new
// one over the live link after a third of its life, and recovers an expired one,
// or one that the server refuses, over HTTPS by a request signed with its key. The key stays; key and chain are
// on disk before anybody hears of them, beside those in use: the link puts them in their place once a session was
// accepted with them, and goes back to the old ones while it is not.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <grpcpp/channel.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "satellite/state/identity.h"
#include "shared/base/clock.h"
#include "shared/base/job.h"
#include "shared/pki/identity_file.h"

namespace perigee::satellite {

class Renewer {
 public:
  struct Config {
    IdentityStore store;
    std::string https_endpoint;
    absl::Duration interval = absl::Seconds(1);  // of looking whether it is time
  };
  // Called on the thread "renew".
  struct Hooks {
    std::function<std::shared_ptr<grpc::Channel>()> live_channel;  // null while the link is down
    std::function<absl::Time()> time_floor;
    std::function<void(std::string_view reason, absl::Time not_after)> renewed;
    std::function<void(const absl::Status&)> failed;
  };

  Renewer(Config config, Hooks hooks, const Clock& clock);
  void Wake() { job_.Wake(); }
  // The server does not take the certificate, though it has not ended: it was issued while a clock was wrong.
  void SetRefused(bool refused) { refused_ = refused; }

 private:
  void Body();
  absl::Status Refresh(const Identity& identity, grpc::Channel* channel);
  void StayQuiet(absl::Duration time) { quiet_until_ = absl::FromChrono(clock_.SinceBoot()) + time; }
  absl::StatusOr<std::string> AskOverLink(const std::string& request, grpc::Channel& channel);
  absl::StatusOr<std::string> AskOverHttps(const std::string& request, const Identity& identity);
  absl::StatusOr<std::string> AskOverHttps(const std::string& request, const Identity& identity,
                                           absl::Time verify_at);
  absl::Status TakeUp(Identity identity, const std::string& chain_pem, std::string_view reason);

  const Config config_;
  const Hooks hooks_;
  const Clock& clock_;
  std::atomic<bool> refused_ = false;
  absl::Duration quiet_until_ = absl::ZeroDuration();  // CLOCK_BOOTTIME; of the job's thread
  BackgroundJob job_;
};

}  // namespace perigee::satellite
