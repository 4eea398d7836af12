#include "control-plane/identity/login.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/ascii.h"
#include "control-plane/identity/password.h"
#include "shared/base/files.h"
#include "tests/unit/control-plane/identity/centre.h"

namespace perigee::control {
namespace {

class LoginTest : public ::testing::Test {
 protected:
  ~LoginTest() override { ArmFailpoints(""); }

  std::string Password() {
    return std::string(absl::StripAsciiWhitespace(ReadFile(File(), 4096).value_or("")));
  }
  std::string File() { return centre_.directory / "admin-password"; }

  absl::StatusOr<v1::LoginResponse> LogIn(const std::string& user, const std::string& password,
                                          const std::string& address = "a") {
    v1::LoginRequest request;
    request.set_user(user);
    request.set_password(password);
    request.set_certificate_request(*MakeRequest(key_));
    return login_.Authenticate(request, address);
  }

  Centre centre_;
  Login login_{centre_.context()};
  PrivateKey key_ = *PrivateKey::GenerateEcP256();
};

TEST_F(LoginTest, FirstStartMakesAnAdminWhoCanLogIn) {
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  struct stat info{};
  ASSERT_EQ(stat(File().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto response = LogIn("admin", Password());
  ASSERT_TRUE(response.ok()) << response.status();
  const auto leaf = *Certificate::FromPem(response->certificate_chain());
  EXPECT_EQ(*leaf.Uri(), "spiffe://perigee/user/admin");
  EXPECT_EQ(leaf.NotAfter(), centre_.clock.Now() + absl::Hours(12));
  EXPECT_EQ(response->root_certificates(), centre_.authority->root_pem());
  EXPECT_EQ(response->grpc_endpoint(), "127.0.0.1:7444");
}

TEST_F(LoginTest, LaterStartsChangeNothing) {
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  const std::string password = Password();
  const int64_t revision = centre_.store->Revision();
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  EXPECT_EQ(centre_.store->Revision(), revision);
  EXPECT_EQ(Password(), password);
  // The file may be removed once the password is known.
  ASSERT_TRUE(RemoveFile(File()).ok());
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  EXPECT_FALSE(FileExists(File()));
  EXPECT_TRUE(LogIn("admin", password).ok());
}

TEST_F(LoginTest, CrashInTheFirstStartIsMadeGood) {
  ArmFailpoints("identity.login.before_password_file=error");
  EXPECT_FALSE(login_.EnsureAdmin(centre_.directory.path()).ok());
  ArmFailpoints("identity.login.before_admin=error");
  EXPECT_FALSE(login_.EnsureAdmin(centre_.directory.path()).ok());
  const std::string password = Password();
  EXPECT_FALSE(password.empty());
  ArmFailpoints("");
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  EXPECT_EQ(Password(), password);
  EXPECT_TRUE(LogIn("admin", password).ok());
}

TEST_F(LoginTest, PasswordIsNotInTheStore) {
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  const auto page = centre_.store->List("/", 1000, "");
  ASSERT_TRUE(page.ok());
  for (const Record& record : page->records) {
    EXPECT_EQ(record.value.find(Password()), std::string::npos) << record.key;
  }
}

TEST_F(LoginTest, WrongPasswordAndUnknownUserLookAlike) {
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  const auto wrong = LogIn("admin", "wrong");
  const auto unknown = LogIn("nobody", Password());
  const auto hostile = LogIn("../admin", Password());
  EXPECT_TRUE(absl::IsUnauthenticated(wrong.status()));
  EXPECT_EQ(wrong.status(), unknown.status());
  EXPECT_EQ(wrong.status(), hostile.status());
  EXPECT_TRUE(absl::IsInvalidArgument(LogIn("admin", std::string(100'000, 'x')).status()));
}

TEST_F(LoginTest, FailuresAreLimitedForTheirAddressOnly) {
  ASSERT_TRUE(login_.EnsureAdmin(centre_.directory.path()).ok());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(absl::IsUnauthenticated(LogIn("admin", "wrong").status()));
  EXPECT_TRUE(absl::IsResourceExhausted(LogIn("admin", Password()).status()));
  EXPECT_TRUE(LogIn("admin", Password(), "b").ok());
  centre_.clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(LogIn("admin", Password()).ok());
}

TEST(PasswordTest, HashesVerifyAndDiffer) {
  const auto first = HashPassword("pässword", SystemRandom());
  const auto second = HashPassword("pässword", SystemRandom());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(first->starts_with("$argon2id$v=19$"));
  EXPECT_NE(*first, *second);
  EXPECT_TRUE(VerifyPassword("pässword", *first));
  EXPECT_FALSE(VerifyPassword("password", *first));
  EXPECT_FALSE(VerifyPassword("", *first));
  EXPECT_FALSE(VerifyPassword("x", ""));
  EXPECT_FALSE(VerifyPassword("x", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA"));
}

}  // namespace
}  // namespace perigee::control
