// The link against a real gRPC server with mutual TLS, scripted by each test.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "satellite/link/link.h"
#include "shared/base/files.h"
#include "shared/base/wakeup.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/issue.h"
#include "shared/pki/request.h"
#include "shared/pki/spiffe.h"
#include "shared/resource/reasons.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/credentials.h"
#include "shared/rpc/peer.h"
#include "shared/rpc/process_setup.h"

namespace perigee::satellite {

inline constexpr char kUid[] = "01890000-0000-7000-8000-000000000001";

inline const bool kPrepared = [] {
  PrepareGrpc();
  return true;
}();

class Signer final : public RootSigner {
 public:
  explicit Signer(PrivateKey key) : key_(std::move(key)) {}
  absl::StatusOr<std::string> Sign(std::string_view bytes) const override { return key_.Sign(bytes); }
  std::string PublicKey() const override { return key_.Public().ToDer(); }

 private:
  PrivateKey key_;
};

// A CA and everything it issues for a test.
class Authority {
 public:
  Authority()
      : root_key_(*PrivateKey::GenerateEcP256()),
        root_(*MakeRoot(root_key_, "root", Life(absl::Hours(1)))),
        ca_key_(*PrivateKey::GenerateEcP256()),
        ca_(*IssueAuthority({root_key_, root_}, ca_key_.Public(), "ca", Life(absl::Hours(1)))) {}

  std::string Roots() const { return root_.ToPem(); }
  std::string ServerPem() const {
    PrivateKey key = *PrivateKey::GenerateEcP256();
    return IdentityToPem({key, {*IssueServer({ca_key_, ca_}, key.Public(), {}, Life(absl::Hours(1))), ca_}});
  }
  std::string ClientPem(const PrivateKey& key, const Validity& validity) const {
    return IdentityToPem({key, Chain(key.Public(), validity)});
  }
  std::vector<Certificate> Chain(const class PublicKey& key, const Validity& validity) const {
    return {*IssueClient({ca_key_, ca_}, key, SatelliteUri(kUid), validity), ca_};
  }
  static Validity Life(absl::Duration around) { return {absl::Now() - around, absl::Now() + around}; }

 private:
  PrivateKey root_key_;
  Certificate root_;
  PrivateKey ca_key_;
  Certificate ca_;
};

// What the centre does with each message; the test's script.
class Centre final : public v1::SatelliteService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::FromControlPlane, v1::FromSatellite>;

  explicit Centre(const Authority& authority) : authority_(authority) {}

  grpc::Status Session(grpc::ServerContext* context, Stream* stream) override {
    auto peer = PeerUri(*context);
    v1::FromSatellite message;
    {
      absl::MutexLock lock(&mutex);
      ++sessions;
      serial = peer.ok() ? peer->serial : "";
      news.Notify();
    }
    while (stream->Read(&message)) {
      absl::MutexLock lock(&mutex);
      if (message.has_hello()) {
        hello = message.hello();
        if (goodbye.has_value()) {
          v1::FromControlPlane answer;
          *answer.mutable_goodbye() = *goodbye;
          stream->Write(answer);
          return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "goodbye");
        }
        v1::FromControlPlane answer;
        answer.mutable_welcome()->set_heartbeat_period_ms(50);
        answer.mutable_welcome()->mutable_epoch()->set_number(1);
        stream->Write(answer);
        for (const v1::Delta& delta : deltas) {
          v1::FromControlPlane down;
          *down.mutable_delta() = delta;
          stream->Write(down);
        }
      } else if (message.has_heartbeat()) {
        ++heartbeats;
        v1::FromControlPlane answer;
        answer.mutable_heartbeat_ack()->set_number(message.heartbeat().number());
        answer.mutable_heartbeat_ack()->set_boottime_ns(message.heartbeat().boottime_ns());
        stream->Write(answer);
      } else if (message.has_status()) {
        statuses.push_back(message.status());
        v1::FromControlPlane answer;
        answer.mutable_status_ack()->set_number(message.status().number());
        stream->Write(answer);
      } else if (message.has_applied()) {
        applied = message.applied();
      } else if (message.has_events()) {
        for (const v1::Event& event : message.events().events()) events.push_back(event);
        v1::FromControlPlane answer;
        answer.mutable_events_ack()->set_sequence(events.back().sequence());
        stream->Write(answer);
      }
      news.Notify();
      if (end_session) {
        end_session = false;
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the test ends it");
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status Renew(grpc::ServerContext*, const v1::RenewRequest* request,
                     v1::RenewResponse* response) override {
    auto key = KeyOfRequest(request->certificate_request());
    if (!key.ok()) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "request");
    absl::MutexLock lock(&mutex);
    ++renewals;
    response->set_certificate_chain(
        BundleToPem(authority_.Chain(*key, {absl::Now(), absl::Now() + absl::Hours(9)})));
    return grpc::Status::OK;
  }

  template <typename Wanted>
  bool Await(Wanted wanted) {
    for (int i = 0; i < 1500; ++i) {
      {
        absl::MutexLock lock(&mutex);
        if (wanted()) return true;
      }
      news.WaitFor(absl::Milliseconds(10));
    }
    return false;
  }

  const Authority& authority_;
  Wakeup news;
  absl::Mutex mutex;
  std::optional<v1::Goodbye> goodbye;
  std::vector<v1::Delta> deltas;
  v1::Hello hello;
  std::string serial;
  int sessions = 0;
  int heartbeats = 0;
  int renewals = 0;
  bool end_session = false;
  v1::Applied applied;
  std::vector<v1::StatusDelta> statuses;
  std::vector<v1::Event> events;
};

class Owner final : public LinkOwner {
 public:
  v1::Hello Greeting() override {
    v1::Hello hello;
    hello.mutable_facts()->set_hostname("host-1");
    return hello;
  }
  absl::Status Persist(const DeltaPlan& plan, absl::Time signed_at) override {
    absl::MutexLock lock(&mutex);
    persisted = plan.next.sequence;
    signed_time = signed_at;
    return persist_result;
  }
  void LinkUp(const v1::Welcome&) override {
    absl::MutexLock lock(&mutex);
    up = true;
  }
  void LinkDown(const absl::Status& why) override {
    absl::MutexLock lock(&mutex);
    up = false;
    down_reason = std::string(why.message());
    ++downs;
  }
  void Answered(std::chrono::nanoseconds sent_at, absl::Time) override {
    absl::MutexLock lock(&mutex);
    last_answer = sent_at;
  }
  v1::EventBatch OldestEvents() override {
    absl::MutexLock lock(&mutex);
    v1::EventBatch batch;
    for (const v1::Event& event : outbox) *batch.add_events() = event;
    return batch;
  }
  void EventsStored(uint64_t sequence) override {
    absl::MutexLock lock(&mutex);
    std::erase_if(outbox, [&](const v1::Event& event) { return event.sequence() <= sequence; });
  }
  void GoneConfirmed(const std::vector<std::string>& ids) override {
    absl::MutexLock lock(&mutex);
    gone = ids;
  }
  void Alarm(std::string_view reason, const std::string& message) override {
    absl::MutexLock lock(&mutex);
    last_alarm = message;
    alarms.emplace_back(reason);
  }
  absl::Time TimeFloor() override { return floor; }
  void CertificateRenewed(std::string_view reason, absl::Time) override {
    absl::MutexLock lock(&mutex);
    renewed = std::string(reason);
  }

  absl::Mutex mutex;
  absl::Status persist_result;
  uint64_t persisted = 0;
  absl::Time signed_time;
  bool up = false;
  int downs = 0;
  std::string down_reason;
  std::chrono::nanoseconds last_answer{0};
  std::vector<v1::Event> outbox;
  std::vector<std::string> gone;
  std::vector<std::string> alarms;
  std::string last_alarm;
  absl::Time floor = absl::UnixEpoch();  // set before the link is there
  std::string renewed;
};

class LinkTest : public ::testing::Test {
 protected:
  LinkTest()
      : client_key_(*PrivateKey::GenerateEcP256()),
        signer_(*PrivateKey::GenerateEcP256()),
        centre_(authority_) {
    char name[] = "/tmp/perigee-link-XXXXXX";
    path_ = mkdtemp(name);
    EXPECT_TRUE(WriteFileAtomically(path_ + "/server.pem", authority_.ServerPem(), 0600).ok());
    EXPECT_TRUE(WriteFileAtomically(path_ + "/ca.pem", authority_.Roots(), 0600).ok());
    StartServer();
    identity_.uid = kUid;
    identity_.root_certificates = authority_.Roots();
    identity_.grpc_endpoint = "127.0.0.1:" + std::to_string(port_);
    identity_.https_endpoint = "https://127.0.0.1:1";
    identity_.delivery_keys = {signer_.PublicKey()};
    SetLife({absl::Now() - absl::Minutes(1), absl::Now() + absl::Hours(9)});
  }
  ~LinkTest() override {
    link_.reset();
    StopServer();
    std::filesystem::remove_all(path_);
  }

  void StartServer() {
    grpc::ServerBuilder builder;
    ConfigureServer(builder);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             *MutualTlsServer({path_ + "/server.pem", path_ + "/ca.pem"}), &port_);
    builder.RegisterService(&centre_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopServer() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  void SetLife(const Validity& validity) {
    identity_.pem = authority_.ClientPem(client_key_, validity);
    ASSERT_TRUE(IdentityStore(path_).Write(identity_).ok());
  }
  void StartLink(AppliedState applied = {}) {
    SatelliteSession::Config session{.satellite_uid = kUid, .delivery_keys = identity_.delivery_keys};
    link_ = std::make_unique<Link>(Link::Config{.identity = identity_,
                                                .store = IdentityStore(path_),
                                                .session = session,
                                                .renewal_interval = absl::Milliseconds(50),
                                                .refusals_before_recovery = 2},
                                   std::move(applied), owner_, SystemClock(), SystemRandom());
  }
  template <typename Wanted>
  bool AwaitOwner(Wanted wanted) {
    return centre_.Await([&] {
      absl::MutexLock lock(&owner_.mutex);
      return wanted();
    });
  }
  std::string SerialInUse() {
    const auto identity = LoadIdentity(IdentityStore(path_).PemPath());
    return identity.ok() ? identity->chain.front().Serial() : "";
  }
  v1::Delta Signed(uint64_t sequence, const std::string& payload, const Signer& signer) {
    DesiredEntries desired{.sequence = sequence};
    desired.entries["config/a"] = MakeEntry("config/a", payload);
    v1::Epoch epoch;
    epoch.set_number(1);
    epoch.set_id(std::string(16, 'e'));
    desired.signed_root = *SignRoot(signer, {kUid, epoch, sequence, RootOf(desired.DigestMap())},
                                    absl::FromUnixSeconds(1'700'000'000));
    return BuildDelta(epoch, desired, nullptr).front();
  }
  static v1::ReplicaStatus Status(const std::string& id, bool gone = false) {
    v1::ReplicaStatus status;
    status.set_assignment_uid(id);
    status.set_gone(gone);
    return status;
  }

  std::string path_;
  Authority authority_;
  PrivateKey client_key_;
  Signer signer_;
  Centre centre_;
  Owner owner_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  SatelliteIdentity identity_;
  std::unique_ptr<Link> link_;
};

}  // namespace perigee::satellite
