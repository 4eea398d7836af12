#include "control-plane/secrets/vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control-plane/secrets/secret_content.h"
#include "control-plane/store/sqlite_store.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

TEST(Vault, OpensWhatItClosed) {
  auto vault = Vault::Ephemeral(SystemRandom());
  for (const std::string& plain : {std::string(), std::string("\0x", 2), std::string(100'000, 'p')}) {
    const auto envelope = vault->Encrypt("key/ca", plain);
    ASSERT_TRUE(envelope.ok()) << envelope.status();
    EXPECT_EQ(*vault->Decrypt("key/ca", *envelope), plain);
    EXPECT_NE(*vault->Encrypt("key/ca", plain), *envelope);
  }
}

TEST(Vault, FindsEveryChangedByteAndAnotherContext) {
  auto vault = Vault::Ephemeral(SystemRandom());
  const std::string envelope = *vault->Encrypt("Secret/u1/v1", "canary");
  EXPECT_TRUE(absl::IsDataLoss(vault->Decrypt("Secret/u2/v1", envelope).status()));
  EXPECT_TRUE(absl::IsDataLoss(Vault::Ephemeral(SystemRandom())->Decrypt("Secret/u1/v1", envelope).status()));
  for (size_t i = 0; i < envelope.size(); ++i) {
    std::string changed = envelope;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(vault->Decrypt("Secret/u1/v1", changed).ok()) << i;
    EXPECT_FALSE(vault->Decrypt("Secret/u1/v1", envelope.substr(0, i)).ok()) << i;
  }
}

TEST(Vault, KeepsItsKeyInAFileOfItsOwner) {
  const TemporaryDirectory directory;
  const std::string path = directory / "secrets.key";
  auto vault = Vault::Open(directory.path(), SystemRandom());
  ASSERT_TRUE(vault.ok()) << vault.status();
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_size, 32);
  const std::string envelope = *(*vault)->Encrypt("c", "p");
  EXPECT_EQ(*(*Vault::Open(directory.path(), SystemRandom()))->Decrypt("c", envelope), "p");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Vault::Open(directory.path(), SystemRandom()).status()));
  ASSERT_TRUE(WriteFileAtomically(path, "short", 0600).ok());
  EXPECT_TRUE(absl::IsDataLoss(Vault::Open(directory.path(), SystemRandom()).status()));
}

TEST(Vault, LeavesNoHalfKey) {
  const TemporaryDirectory directory;
  ArmFailpoints("vault.make_key=error");
  EXPECT_FALSE(Vault::Open(directory.path(), SystemRandom()).ok());
  ArmFailpoints("");
  EXPECT_TRUE(Vault::Open(directory.path(), SystemRandom()).ok());
}

TEST(Vault, DoesNotReplaceALostKey) {
  for (const std::string left : {"perigee.db", "pki"}) {
    const TemporaryDirectory directory;
    ASSERT_TRUE(WriteFileAtomically(directory / left, "encrypted", 0600).ok());
    const absl::Status lost = Vault::Open(directory.path(), SystemRandom()).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(lost)) << lost;
    EXPECT_THAT(std::string(lost.message()),
                ::testing::AllOf(::testing::HasSubstr(directory / "secrets.key"),
                                 ::testing::HasSubstr(directory / left), ::testing::HasSubstr("backup")));
    EXPECT_FALSE(FileExists(directory / "secrets.key"));
  }
}

TEST(Vault, DoesNotReplaceAKeyThatItCannotSee) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(Vault::Open(directory.path(), SystemRandom()).ok());
  const std::string key = *ReadFile(directory / "secrets.key", 64);
  ArmFailpoints("vault.stat=error");
  EXPECT_FALSE(Vault::Open(directory.path(), SystemRandom()).ok());
  ArmFailpoints("");
  EXPECT_EQ(*ReadFile(directory / "secrets.key", 64), key);
  // Not ENOENT either: a file where the directory should be.
  EXPECT_FALSE(Vault::Open(directory / "secrets.key", SystemRandom()).ok());
  EXPECT_EQ(*ReadFile(directory / "secrets.key", 64), key);
}

v1::Secret MakeSecret() {
  v1::Secret secret;
  secret.mutable_metadata()->set_uid("u1");
  secret.mutable_spec()->set_version("v1");
  return secret;
}

TEST(SecretContent, IsBoundToItsVersion) {
  auto vault = Vault::Ephemeral(SystemRandom());
  v1::SecretContent content;
  (*content.mutable_data())["api"] = "canary";
  v1::Secret secret = MakeSecret();
  (*secret.mutable_spec()->mutable_data())["api"] = "canary";
  ASSERT_TRUE(EncryptContent(*vault, content, secret).ok());
  EXPECT_TRUE(secret.spec().data().empty());
  EXPECT_EQ(DecryptContent(*vault, secret)->data().at("api"), "canary");
  secret.mutable_spec()->set_version("v2");
  EXPECT_TRUE(absl::IsDataLoss(DecryptContent(*vault, secret).status()));
  EXPECT_TRUE(DecryptContent(*vault, v1::Secret())->data().empty());
}

// What is in the database, its log and everything else in the directory, as a thief would read it.
TEST(SecretContent, LeavesNothingReadableInTheFiles) {
  const TemporaryDirectory directory;
  auto vault = *Vault::Open(directory.path(), SystemRandom());
  std::vector<std::string> canaries;
  {
    auto store = *OpenSqliteStore(directory / "store.db", SystemClock());
    for (int i = 0; i < 100; ++i) {
      canaries.push_back(absl::StrCat("canary-", NewToken(SystemRandom(), 20)));
      v1::SecretContent content;
      (*content.mutable_data())["api"] = canaries.back();
      v1::Secret secret = MakeSecret();
      ASSERT_TRUE(EncryptContent(*vault, content, secret).ok());
      ASSERT_TRUE(store->Commit({.puts = {{absl::StrCat("/s/", i), secret.SerializeAsString()}}}).ok());
    }
    const std::vector<std::string> files = *ListDirectory(directory.path());
    EXPECT_THAT(files, ::testing::Contains("store.db-wal"));
    for (const std::string& file : files) {
      const std::string bytes = *ReadFile(directory / file, 64 << 20);
      for (const std::string& canary : canaries) EXPECT_THAT(bytes.find(canary), std::string::npos) << file;
    }
  }
}

}  // namespace
}  // namespace perigee::control
