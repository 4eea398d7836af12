#include "control-plane/http/header_block.h"

#include <gtest/gtest.h>

namespace perigee::control {
namespace {

constexpr size_t kLimit = 1000;

std::string Block(const std::string& first, const std::string& lines) {
  return first + "\r\n" + lines + "\r\n";
}

TEST(JudgeHeaderTest, Table) {
  const std::string post = "POST /login/v1 HTTP/1.1";
  const std::string json = "Content-Type: application/json\r\n";
  std::string many;
  for (int i = 0; i < 65; ++i) many += "A: b\r\n";
  struct Case {
    const char* name;
    std::string block;
    int refuse;
  };
  const Case cases[] = {
      {"get", Block("GET / HTTP/1.1", "Host: a\r\n"), 0},
      {"get without headers", Block("GET / HTTP/1.1", ""), 0},
      {"head", Block("HEAD /healthz HTTP/1.1", "Host: a\r\n"), 0},
      {"post", Block(post, json + "Content-Length: 10\r\n"), 0},
      {"post with charset",
       Block(post, "content-type: Application/JSON; charset=utf-8\r\ncontent-length: 0\r\n"), 0},
      {"post at the limit", Block(post, json + "Content-Length: 1000\r\n"), 0},
      {"post over the limit", Block(post, json + "Content-Length: 1001\r\n"), 413},
      {"length that overflows", Block(post, json + "Content-Length: 99999999999999999999999\r\n"), 400},
      {"negative length", Block(post, json + "Content-Length: -1\r\n"), 400},
      {"length twice", Block(post, json + "Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {"no length", Block(post, json), 411},
      {"chunked", Block(post, json + "Transfer-Encoding: chunked\r\n"), 411},
      {"chunked and length", Block(post, json + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 411},
      {"compressed", Block(post, json + "Content-Length: 1\r\nContent-Encoding: gzip\r\n"), 415},
      {"form", Block(post, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1\r\n"), 415},
      {"multipart", Block(post, "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 1\r\n"),
       415},
      {"no type", Block(post, "Content-Length: 1\r\n"), 415},
      {"get with a body", Block("GET / HTTP/1.1", "Content-Length: 1\r\n"), 400},
      {"delete", Block("DELETE / HTTP/1.1", ""), 405},
      {"connect", Block("CONNECT a:1 HTTP/1.1", ""), 405},
      {"http 2 preface", "PRI * HTTP/2.0\r\n\r\n", 405},
      {"folded line", Block("GET / HTTP/1.1", "A: b\r\n c\r\n"), 400},
      {"space before colon", Block("GET / HTTP/1.1", "A : b\r\n"), 400},
      {"no colon", Block("GET / HTTP/1.1", "A\r\n"), 400},
      {"nul", Block("GET / HTTP/1.1", std::string("A: b\0c\r\n", 8)), 400},
      {"bare carriage return", Block("GET / HTTP/1.1", "A: b\rc\r\n"), 400},
      {"bare line feed", Block("GET / HTTP/1.1", "A: b\nc\r\n"), 400},
      {"escape in the path", Block("GET /\x1b HTTP/1.1", ""), 400},
      {"too many lines", Block("GET / HTTP/1.1", many), 431},
      {"too large", Block("GET / HTTP/1.1", "A: " + std::string(kHeaderBytes, 'b') + "\r\n"), 431},
      {"nothing", "", 400},
      {"no end", "GET / HTTP/1.1\r\nA: b", 400},
  };
  for (const Case& c : cases) EXPECT_EQ(JudgeHeader(c.block, kLimit).refuse, c.refuse) << c.name;
}

TEST(JudgeHeaderTest, TakesOutWhatTheLibraryNeedNotSee) {
  const auto verdict = JudgeHeader(
      "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\naccept-encoding: gzip\r\nX: y\r\n\r\n", kLimit);
  EXPECT_EQ(verdict.block, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
}

}  // namespace
}  // namespace perigee::control
