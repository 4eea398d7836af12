#include "satellite/state/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "shared/base/failpoint.h"
#include "shared/base/files.h"

namespace perigee::satellite {
namespace {

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    char name[] = "/tmp/perigee-identity-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~IdentityTest() override {
    ArmFailpoints("");
    std::filesystem::remove_all(path_);
  }
  std::string path_;
};

SatelliteIdentity Sample() {
  return {.uid = "u",
          .name = "berlin-1",
          .site = "berlin",
          .pem = "PEM",
          .root_certificates = "ROOTS",
          .delivery_keys = {"k1", std::string("\0k2", 3)},
          .sealing_key = "SK",
          .sealing_certificate = "SC",
          .grpc_endpoint = "h:1",
          .https_endpoint = "https://h:2"};
}

TEST_F(IdentityTest, ComesBackAsItWasWritten) {
  IdentityStore store(path_);
  EXPECT_EQ(store.Read().status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store.Write(Sample()).ok());
  const SatelliteIdentity read = *store.Read();
  EXPECT_EQ(read.uid, "u");
  EXPECT_EQ(read.name, "berlin-1");
  EXPECT_EQ(read.pem, "PEM");
  EXPECT_EQ(read.delivery_keys, Sample().delivery_keys);
  EXPECT_EQ(read.sealing_key, "SK");
  EXPECT_EQ(read.grpc_endpoint, "h:1");
}

TEST_F(IdentityTest, ARenewedCertificateTakesThePlaceOfTheOldOnlyWhenItIsProven) {
  IdentityStore store(path_);
  ASSERT_TRUE(store.Write(Sample()).ok());
  ASSERT_TRUE(store.ProposePem("NEW").ok());
  EXPECT_EQ(store.Read()->pem, "PEM");
  EXPECT_EQ(store.Read()->next_pem, "NEW");
  ASSERT_TRUE(store.DropProposed("NEW").ok());
  EXPECT_EQ(store.Read()->pem, "PEM");
  EXPECT_EQ(store.Read()->next_pem, "");
  ASSERT_TRUE(store.DropProposed("NEW").ok()) << "there is none";
  ASSERT_TRUE(store.ProposePem("NEW").ok());
  ASSERT_TRUE(store.ProposePem("NEWER").ok());
  ASSERT_TRUE(store.AdoptProposed("NEW").ok()) << "that is what a session was accepted with";
  EXPECT_EQ(store.Read()->pem, "NEW");
  EXPECT_EQ(store.Read()->next_pem, "NEWER");
  ASSERT_TRUE(store.DropProposed("NEW").ok());
  EXPECT_EQ(store.Read()->next_pem, "NEWER") << "another one";
  ASSERT_TRUE(store.ProposePem("NEW").ok());
  ASSERT_TRUE(store.AdoptProposed("NEW").ok());
  EXPECT_EQ(store.Read()->pem, "NEW");
  EXPECT_EQ(store.Read()->next_pem, "");
}

// The process dies, or the disk fails, at each step: both, or the one that is to stay, are there, and the rest of the
// way can be gone again.
TEST_F(IdentityTest, ARenewalIsCutOffAnywhere) {
  IdentityStore store(path_);
  for (const char* failpoint :
       {"state.identity.next=crash", "state.identity.adopt=crash", "state.identity.drop=crash",
        "files.write.before_rename=crash", "files.write.before_rename=crash@2",
        "files.write.after_rename=crash", "files.write.after_rename=crash@2"}) {
    SCOPED_TRACE(failpoint);
    ASSERT_TRUE(store.Write(Sample()).ok());
    const pid_t child = fork();
    if (child == 0) {
      ArmFailpoints(failpoint);
      (void)store.ProposePem("NEW");
      (void)store.AdoptProposed("NEW");
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the failpoint was not passed";
    const SatelliteIdentity read = *store.Read();
    EXPECT_THAT(read.pem, ::testing::AnyOf("PEM", "NEW"));
    EXPECT_TRUE(read.pem == "NEW" || read.next_pem.empty() || read.next_pem == "NEW");
    ASSERT_TRUE(store.ProposePem("NEW").ok());
    ASSERT_TRUE(store.AdoptProposed("NEW").ok());
    EXPECT_EQ(store.Read()->pem, "NEW");
    EXPECT_EQ(store.Read()->next_pem, "");
  }
}

TEST_F(IdentityTest, AnEnrolmentForgetsWhatWasProposedBefore) {
  IdentityStore store(path_);
  ASSERT_TRUE(store.Write(Sample()).ok());
  ASSERT_TRUE(store.ProposePem("OF BEFORE").ok());
  ASSERT_TRUE(store.Write(Sample()).ok());
  EXPECT_EQ(store.Read()->next_pem, "");
}

TEST_F(IdentityTest, OnlyTheOwnerReads) {
  IdentityStore store(path_);
  ASSERT_TRUE(store.Write(Sample()).ok());
  ASSERT_TRUE(store.WritePending({.private_key = "K"}).ok());
  struct stat info{};
  ASSERT_EQ(stat((path_ + "/identity").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  const std::vector<std::string> names = *ListDirectory(path_ + "/identity");
  for (const std::string& name : names) {
    ASSERT_EQ(stat((path_ + "/identity/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(IdentityTest, AFailureOnTheWayLeavesItNotEnrolledAndIsMended) {
  IdentityStore store(path_);
  ArmFailpoints("state.identity.enrolled=error");
  EXPECT_FALSE(store.Write(Sample()).ok());
  ArmFailpoints("");
  ASSERT_TRUE(store.Install().ok());
  EXPECT_EQ(store.Read().status().code(), absl::StatusCode::kNotFound);
  for (const char* failpoint : {"state.identity.roots", "state.identity.pem", "state.identity.last"}) {
    ArmFailpoints(std::string(failpoint) + "=error");
    EXPECT_FALSE(store.Write(Sample()).ok()) << failpoint;
    EXPECT_EQ(store.Read().status().code(), absl::StatusCode::kNotFound) << failpoint;
  }
  ArmFailpoints("");
  ASSERT_TRUE(store.Install().ok());
  EXPECT_EQ(store.Read()->pem, "PEM");
}

// A reboot amid an enrolment anew: the agent has the old identity or the new one, never none and never half of each.
TEST_F(IdentityTest, AnotherIdentityTakesThePlaceWholeOrNotAtAll) {
  IdentityStore store(path_);
  SatelliteIdentity other = Sample();
  other.uid = "01890000-0000-7000-8000-000000000002";
  other.pem = "PEM2";
  other.root_certificates = "ROOTS2";
  for (const char* failpoint : {"state.identity.enrolled", "state.identity.roots", "state.identity.pem",
                                "state.identity.last", "state.identity.installed"}) {
    SCOPED_TRACE(failpoint);
    ASSERT_TRUE(store.Write(Sample()).ok());
    ASSERT_TRUE(store.WritePending({.private_key = "K"}).ok());
    ArmFailpoints(std::string(failpoint) + "=error");
    EXPECT_FALSE(store.Write(other).ok());
    ArmFailpoints("");
    ASSERT_TRUE(store.Install().ok());
    const SatelliteIdentity now = *store.Read();
    const bool is_other = std::string(failpoint) != "state.identity.enrolled";
    EXPECT_EQ(now.uid, is_other ? other.uid : Sample().uid);
    EXPECT_EQ(now.pem, is_other ? "PEM2" : "PEM");
    EXPECT_EQ(now.root_certificates, is_other ? "ROOTS2" : Sample().root_certificates);
    EXPECT_EQ(store.ReadPending().ok(), !is_other);
  }
}

TEST_F(IdentityTest, DamageIsSaid) {
  IdentityStore store(path_);
  ASSERT_TRUE(store.Write(Sample()).ok());
  ASSERT_TRUE(WriteFileAtomically(path_ + "/identity/satellite", "PGR1\nnonsense", 0600).ok());
  EXPECT_EQ(store.Read().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(IdentityTest, PendingIsKeptUntilRemoved) {
  IdentityStore store(path_);
  EXPECT_EQ(store.ReadPending().status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store.WritePending({.private_key = "K", .poll_secret = "P", .request = "r-1"}).ok());
  EXPECT_EQ(store.ReadPending()->poll_secret, "P");
  EXPECT_EQ(store.ReadPending()->request, "r-1");
  ASSERT_TRUE(store.RemovePending().ok());
  EXPECT_EQ(store.ReadPending().status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace perigee::satellite
