#include "satellite/agent/enroll.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "shared/base/failpoint.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/issue.h"
#include "shared/pki/request.h"
#include "shared/pki/spiffe.h"

namespace perigee::satellite {
namespace {

using ::testing::HasSubstr;

constexpr char kUid[] = "01890000-0000-7000-8000-000000000001";

// A centre that keeps one request, as the real one does.
class FakeDoor final : public EnrolmentDoor {
 public:
  FakeDoor()
      : root_key_(*PrivateKey::GenerateEcP256()),
        root_(*MakeRoot(root_key_, "root", Life())),
        ca_key_(*PrivateKey::GenerateEcP256()),
        ca_(*IssueAuthority({root_key_, root_}, ca_key_.Public(), "ca", Life())) {}

  absl::StatusOr<v1::EnrollResponse> Enrol(const v1::EnrollRequest& request) override {
    if (lose_answers > 0) {
      --lose_answers;
      return absl::UnavailableError("the line broke");
    }
    asked.push_back(request);
    return Answer();
  }
  absl::StatusOr<v1::EnrollResponse> Poll(const v1::EnrollPollRequest& request) override {
    ++polls;
    if (forget) {
      forget = false;
      return absl::PermissionDeniedError("no such request, or another secret");  // as the real one: HTTP 401
    }
    EXPECT_EQ(request.poll_secret(), asked.back().poll_secret());
    if (polls >= approve_at) phase = "Approved";
    return Answer();
  }
  std::string Roots() const override { return root_.ToPem(); }

  static Validity Life() { return {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)}; }

  std::vector<v1::EnrollRequest> asked;
  int polls = 0;
  int approve_at = 1'000'000;
  int lose_answers = 0;
  bool forget = false;
  bool other_key = false;
  std::string phase = "Pending";

 private:
  absl::StatusOr<v1::EnrollResponse> Answer() const {
    v1::EnrollResponse response;
    response.set_request("request-1");
    response.set_phase(phase);
    response.set_fingerprint("ab cd");
    if (phase != "Approved") return response;
    PublicKey key = *KeyOfRequest(asked.back().certificate_request());
    if (other_key) key = PrivateKey::GenerateEcP256()->Public();
    response.set_satellite_uid(kUid);
    response.set_satellite("berlin-1");
    response.set_site("berlin");
    response.set_certificate_chain(
        BundleToPem({*IssueClient({ca_key_, ca_}, key, SatelliteUri(kUid), Life()), ca_}));
    response.set_root_certificates(root_.ToPem());
    response.add_delivery_keys("key");
    response.set_grpc_endpoint("127.0.0.1:7444");
    return response;
  }

  PrivateKey root_key_;
  Certificate root_;
  PrivateKey ca_key_;
  Certificate ca_;
};

class EnrollTest : public ::testing::Test {
 protected:
  EnrollTest() {
    char name[] = "/tmp/perigee-enroll-XXXXXX";
    options_.data_dir = mkdtemp(name);
    options_.server = "https://127.0.0.1:7443";
    options_.ca_hash = "sha256:00";
    options_.wait = absl::Seconds(10);
  }
  ~EnrollTest() override {
    ArmFailpoints("");
    std::filesystem::remove_all(options_.data_dir);
  }
  absl::StatusOr<EnrolOutcome> Go() {
    return Enrol(
        options_, door_, SystemClock(), SystemRandom(),
        [&]() -> absl::StatusOr<std::string> {
          ++tokens_read_;
          return "token-1";
        },
        [&](const std::string& line) { said_ += line + "\n"; });
  }

  EnrolOptions options_;
  FakeDoor door_;
  int tokens_read_ = 0;
  std::string said_;
};

TEST_F(EnrollTest, AtOnceByATokenThatSaysSo) {
  door_.phase = "Approved";
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  const SatelliteIdentity identity = *IdentityStore(options_.data_dir).Read();
  EXPECT_EQ(identity.uid, kUid);
  EXPECT_EQ(identity.site, "berlin");
  EXPECT_EQ(identity.https_endpoint, options_.server);
  EXPECT_EQ(identity.sealing_certificate, door_.asked[0].sealing_certificate());
  EXPECT_TRUE(IdentityFromPem(identity.pem).ok());
  EXPECT_FALSE(IdentityStore(options_.data_dir).ReadPending().ok());
  EXPECT_EQ(*Go(), EnrolOutcome::kAlreadyEnrolled);
  EXPECT_EQ(door_.asked.size(), 1u);
}

TEST_F(EnrollTest, ARefusedIdentityIsNotWellAndIsReplacedWhenAsked) {
  door_.phase = "Approved";
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  const IdentityStore store(options_.data_dir);
  const SatelliteIdentity before = *store.Read();
  ASSERT_TRUE(store.SetRefusal(kUid, "This satellite was revoked.").ok());
  const absl::Status refused = Go().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("This satellite was revoked. To enrol the host anew"));
  EXPECT_EQ(store.Read()->pem, before.pem);
  EXPECT_EQ(store.Refusal("another"), "") << "of an identity before";

  options_.anew = true;
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  EXPECT_NE(store.Read()->pem, before.pem);
  EXPECT_NE(store.Read()->sealing_key, before.sealing_key);
  EXPECT_EQ(store.Read()->replaces, kUid);
  EXPECT_EQ(store.Refusal(kUid), "");
  EXPECT_EQ(door_.asked.size(), 2u);
}

// One that is asked for in vain keeps what it is.
TEST_F(EnrollTest, AnEnrolmentAnewThatIsNotApprovedLeavesTheIdentity) {
  door_.phase = "Approved";
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  const std::string before = IdentityStore(options_.data_dir).Read()->pem;
  options_.anew = true;
  options_.wait = absl::ZeroDuration();
  door_.phase = "Denied";
  EXPECT_EQ(Go().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(IdentityStore(options_.data_dir).Read()->pem, before);
}

// As after a crash right behind the first enrolment: the old request must not make the old identity again.
TEST_F(EnrollTest, AnEnrolmentAnewDoesNotGoOnWithTheRequestThatMadeTheIdentity) {
  options_.wait = absl::ZeroDuration();
  ASSERT_EQ(*Go(), EnrolOutcome::kWaiting);
  const IdentityStore store(options_.data_dir);
  const PendingEnrolment left = *store.ReadPending();
  door_.approve_at = 0;
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  const std::string before = store.Read()->pem;
  ASSERT_TRUE(store.WritePending(left).ok());
  options_.anew = true;
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  EXPECT_EQ(door_.asked.size(), 2u);
  EXPECT_NE(door_.asked[1].certificate_request(), door_.asked[0].certificate_request());
  EXPECT_NE(store.Read()->pem, before);
}

TEST_F(EnrollTest, ByHandWaitsAndNamesTheFingerprint) {
  door_.approve_at = 2;
  ASSERT_EQ(*Go(), EnrolOutcome::kEnrolled);
  EXPECT_THAT(said_, HasSubstr("key fingerprint ab cd"));
  EXPECT_THAT(said_, HasSubstr("cloudctl satellite approve request-1"));
}

TEST_F(EnrollTest, ATimeoutKeepsTheRequestForTheNextTry) {
  options_.wait = absl::ZeroDuration();
  EXPECT_EQ(*Go(), EnrolOutcome::kWaiting);
  EXPECT_EQ(*Go(), EnrolOutcome::kWaiting);
  EXPECT_EQ(door_.asked.size(), 1u) << "asked once, then polled";
  EXPECT_EQ(tokens_read_, 1);
  door_.approve_at = 0;
  EXPECT_EQ(*Go(), EnrolOutcome::kEnrolled);
}

TEST_F(EnrollTest, ARetryAfterALostAnswerIsTheSameRequest) {
  options_.wait = absl::ZeroDuration();
  door_.lose_answers = 1;
  EXPECT_EQ(Go().status().code(), absl::StatusCode::kUnavailable);
  const PendingEnrolment before = *IdentityStore(options_.data_dir).ReadPending();
  EXPECT_EQ(*Go(), EnrolOutcome::kWaiting);
  EXPECT_EQ(door_.asked[0].poll_secret(), before.poll_secret);
  EXPECT_EQ(door_.asked[0].sealing_certificate(), before.sealing_certificate);
}

TEST_F(EnrollTest, DeniedSaysSoAndANewTokenMakesANewRequest) {
  door_.phase = "Denied";
  EXPECT_EQ(Go().status().code(), absl::StatusCode::kPermissionDenied);
  door_.phase = "Approved";
  EXPECT_EQ(*Go(), EnrolOutcome::kEnrolled);
  EXPECT_EQ(door_.asked.size(), 2u);
}

TEST_F(EnrollTest, AForgottenRequestIsMadeAgain) {
  options_.wait = absl::ZeroDuration();
  EXPECT_EQ(*Go(), EnrolOutcome::kWaiting);
  door_.forget = true;
  EXPECT_EQ(*Go(), EnrolOutcome::kWaiting);
  EXPECT_EQ(door_.asked.size(), 2u);
}

TEST_F(EnrollTest, ACertificateForAnotherKeyIsRefused) {
  door_.phase = "Approved";
  door_.other_key = true;
  EXPECT_EQ(Go().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(IdentityStore(options_.data_dir).Read().ok());
}

TEST_F(EnrollTest, AFailureWhileWritingIsMendedByTheNextTry) {
  door_.phase = "Approved";
  for (const char* failpoint : {"state.identity.pending", "state.identity.enrolled", "state.identity.last"}) {
    ArmFailpoints(std::string(failpoint) + "=error");
    EXPECT_FALSE(Go().ok()) << failpoint;
  }
  ArmFailpoints("");
  EXPECT_EQ(*Go(), EnrolOutcome::kAlreadyEnrolled) << "what had come is put in place";
}

}  // namespace
}  // namespace perigee::satellite
