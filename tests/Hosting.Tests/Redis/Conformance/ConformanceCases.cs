namespace ActorRepl.Hosting.Tests.Redis.Conformance;

/// <summary>Commands one after another on one connection; the replies to all of them are compared.</summary>
/// <param name="Command">The command that it is about.</param>
/// <param name="Script">Commands, apart by <c> | </c>; <c>''</c> stands for no bytes, <c>~</c> for a space.</param>
/// <param name="Differs">Why the last reply is another here; null: it is not.</param>
internal sealed record ConformanceCase(string Command, string Script, string? Differs = null);

internal static class ConformanceCases
{
    private const string Shards = "keys of several shards are refused; `{…}` keeps keys together";

    // Every case has keys of its own.
    public static readonly IReadOnlyList<ConformanceCase> All =
    [
        new("GET", "GET none | SET g:a v | GET g:a | SET g:a '' | GET g:a | GET | GET a b"),
        new("SET", "SET s:a v | GET s:a | SET s:a | SET s:a 1 2 3 | set s:a w | GET s:a"),
        new("SET", "SET s:n v NX | SET s:n w NX | GET s:n | SET s:n x XX | SET s:none x XX | SET s:n y NX XX | SET s:n y nx get | SET s:m y NX GET | GET s:m"),
        new("SET", "SET s:g v GET | SET s:g w GET | GET s:g | SET s:g x XX GET | SET s:nog x XX GET | EXISTS s:nog"),
        new("SET", "SET s:e v EX 100 | TTL s:e | SET s:e w | TTL s:e | SET s:e v PX 100000 | TTL s:e | SET s:e w KEEPTTL | TTL s:e | SET s:e v EXAT 33177117420 | EXPIRETIME s:e | SET s:e v PXAT 33177117420123 | PEXPIRETIME s:e"),
        new("SET", "SET s:e v EX 0 | SET s:e v EX -1 | SET s:e v EX x | SET s:e v EX | SET s:e v EX 9223372036854775807 | SET s:e v PX 0 | SET s:e v EX 10 PX 10 | SET s:e v EX 10 KEEPTTL | SET s:e v PXAT -5 | SET s:e v EX 1.5 | SET s:e v EX 10 NX | GET s:e"),
        new("SET", "SET s:p v PXAT 1 | GET s:p | EXISTS s:p | SET s:p w EX 100 XX GET | SET s:p v EXAT 1 NX | GET s:p"),
        new("SETNX", "SETNX n:a 1 | SETNX n:a 2 | GET n:a | SETNX n:a"),
        new("SETEX", "SETEX x:a 100 v | TTL x:a | GET x:a | SETEX x:a 0 v | SETEX x:a -1 v | SETEX x:a x v | SETEX x:a 9223372036854775807 v | SETEX x:a 1"),
        new("PSETEX", "PSETEX p:a 100000 v | TTL p:a | PSETEX p:a 0 v | PSETEX p:a x v"),
        new("GETSET", "GETSET gs:a 1 | GETSET gs:a 2 | SET gs:a 3 EX 100 | GETSET gs:a 4 | TTL gs:a"),
        new("GETDEL", "GETDEL gd:a | SET gd:a v | GETDEL gd:a | GET gd:a | GETDEL"),
        new("GETEX", "GETEX ge:a | SET ge:a v | GETEX ge:a | TTL ge:a | GETEX ge:a EX 100 | TTL ge:a | GETEX ge:a | TTL ge:a | GETEX ge:a PERSIST | TTL ge:a | GETEX ge:a PXAT 33177117420123 | PEXPIRETIME ge:a | GETEX ge:a EX 0 | GETEX ge:a EX | GETEX ge:a KEEPTTL | GETEX ge:a EX 1 PX 1 | GETEX ge:a EXAT 1 | GET ge:a"),
        new("MGET", "SET {mg}a 1 | MGET {mg}a {mg}b {mg}a | MGET | MGET none other"),
        new("MSET", "MSET {ms}a 1 {ms}b 2 | MGET {ms}a {ms}b | MSET {ms}a | MSET {ms}a 1 {ms}b | SET {ms}a v EX 100 | MSET {ms}a w {ms}a x | TTL {ms}a | GET {ms}a"),
        new("MSET", "MSET a 1 b 2 c 3 d 4 e 5", Shards),
        new("MSETNX", "MSETNX {mn}a 1 {mn}b 2 | MSETNX {mn}b 3 {mn}c 4 | MGET {mn}a {mn}b {mn}c | MSETNX {mn}a"),
        new("DEL", "DEL d:a | SET d:a 1 | DEL d:a d:a d:b | SET d:a 1 | SET d:b 1 | DEL d:a d:b | DEL"),
        new("UNLINK", "SET u:a 1 | UNLINK u:a u:b | GET u:a | UNLINK"),
        new("EXISTS", "EXISTS e:a | SET e:a 1 | EXISTS e:a e:a e:b | EXISTS"),
        new("TOUCH", "SET t:a 1 | TOUCH t:a t:b t:a"),
        new("TYPE", "TYPE ty:a | SET ty:a 1 | TYPE ty:a | TYPE"),
        new("STRLEN", "STRLEN sl:a | SET sl:a hello | STRLEN sl:a"),
        new("APPEND", "APPEND ap:a hello | APPEND ap:a ~world | GET ap:a | APPEND ap:a '' | SET ap:b 1 EX 100 | APPEND ap:b 2 | TTL ap:b"),
        new("GETRANGE", "SET gr:a This~is~a~string | GETRANGE gr:a 0 3 | GETRANGE gr:a -3 -1 | GETRANGE gr:a 0 -1 | GETRANGE gr:a 10 100 | GETRANGE gr:a 5 2 | GETRANGE gr:a -1 -5 | GETRANGE gr:a -100 2 | GETRANGE gr:a 100 200 | GETRANGE gr:none 0 1 | GETRANGE gr:a x 1 | GETRANGE gr:a 0"),
        new("SETRANGE", "SET sr:a Hello~World | SETRANGE sr:a 6 Redis | GET sr:a | SETRANGE sr:b 5 x | GET sr:b | SETRANGE sr:c 5 '' | EXISTS sr:c | SETRANGE sr:a -1 x | SETRANGE sr:a x y | SETRANGE sr:a 2 '' | SETRANGE sr:a 12 !"),
        new("INCR", "INCR i:a | INCR i:a | SET i:a 9223372036854775807 | INCR i:a | SET i:a x | INCR i:a | SET i:a 01 | INCR i:a | SET i:a 5 EX 100 | INCR i:a | TTL i:a"),
        new("INCRBY", "INCRBY ib:a 5 | INCRBY ib:a -10 | INCRBY ib:a x | INCRBY ib:a 9223372036854775808 | INCRBY ib:a 1.5 | INCRBY ib:a"),
        new("DECR", "DECR dc:a | SET dc:a -9223372036854775808 | DECR dc:a"),
        new("DECRBY", "DECRBY db:a 3 | DECRBY db:a -9223372036854775808 | DECRBY db:a x"),
        new("INCRBYFLOAT", "SET f:a 10.50 | INCRBYFLOAT f:a 0.1 | INCRBYFLOAT f:a -5 | SET f:a 5.0e3 | INCRBYFLOAT f:a 2.0e2 | INCRBYFLOAT f:b 0.1 | INCRBYFLOAT f:b 0.2 | INCRBYFLOAT f:a x | SET f:a x | INCRBYFLOAT f:a 1 | SET f:c 1 EX 100 | INCRBYFLOAT f:c 1 | TTL f:c"),
        new("INCRBYFLOAT", "INCRBYFLOAT f:inf 1e300", "decimal arithmetic, the same on every replica: up to 7.9e28, 28 digits"),
        new("EXPIRE", "EXPIRE ex:a 10 | SET ex:a v | EXPIRE ex:a 100 | TTL ex:a | EXPIRE ex:a x | EXPIRE ex:a 9223372036854775807 | EXPIRE ex:a 10 FOO | EXPIRE ex:a 10 NX XX | EXPIRE ex:a 10 GT LT | EXPIRE ex:a 200 NX | EXPIRE ex:a 200 XX | TTL ex:a | EXPIRE ex:a 100 GT | EXPIRE ex:a 300 GT | EXPIRE ex:a 400 LT | EXPIRE ex:a 100 LT | TTL ex:a | EXPIRE ex:a 200 XX GT | EXPIRE ex:a -1 | EXISTS ex:a | SET ex:b v | EXPIRE ex:b 10 GT | EXPIRE ex:b 10 LT | EXPIRE ex:b 0 | GET ex:b"),
        new("EXPIRE", "SET ex:c v | EXPIRE ex:c 10 XX LT", "`XX` and `LT` together are refused"),
        new("PEXPIRE", "SET pe:a v | PEXPIRE pe:a 100000 | TTL pe:a | PEXPIRE pe:a x | PEXPIRE pe:a -1 | GET pe:a"),
        new("EXPIREAT", "SET ea:a v | EXPIREAT ea:a 33177117420 | EXPIRETIME ea:a | EXPIREAT ea:a 1 | GET ea:a | EXPIREAT ea:none 5"),
        new("PEXPIREAT", "SET pa:a v | PEXPIREAT pa:a 33177117420123 | PEXPIRETIME pa:a | PEXPIREAT pa:a 1 | GET pa:a"),
        new("TTL", "TTL tt:a | SET tt:a v | TTL tt:a | EXPIRE tt:a 1000 | TTL tt:a"),
        new("PTTL", "PTTL pt:a | SET pt:a v | PTTL pt:a"),
        new("EXPIRETIME", "EXPIRETIME et:a | SET et:a v | EXPIRETIME et:a"),
        new("PEXPIRETIME", "PEXPIRETIME pet:a | SET pet:a v | PEXPIRETIME pet:a"),
        new("PERSIST", "PERSIST ps:a | SET ps:a v | PERSIST ps:a | EXPIRE ps:a 100 | PERSIST ps:a | TTL ps:a"),
        new("RENAME", "RENAME {rn}a {rn}b | SET {rn}a 1 EX 100 | SET {rn}b 2 | RENAME {rn}a {rn}b | GET {rn}b | TTL {rn}b | EXISTS {rn}a | RENAME {rn}b {rn}b | GET {rn}b | RENAME {rn}a {rn}a"),
        new("RENAME", "SET a 1 | RENAME a c", Shards),
        new("RENAMENX", "SET {rx}a 1 | SET {rx}b 2 | RENAMENX {rx}a {rx}b | RENAMENX {rx}a {rx}c | MGET {rx}a {rx}c | RENAMENX {rx}c {rx}c | RENAMENX {rx}none {rx}d"),
        new("SCAN", "SET scan:one 1 | SCAN x | SCAN 0 COUNT 0 | SCAN 0 COUNT x | SCAN 0 MATCH | SCAN 0 FOO bar"),
        new("DBSIZE", "DBSIZE x"),
        new("MULTI", "MULTI | SET {mu}a 1 | INCR {mu}a | GET {mu}a | EXEC | GET {mu}a | MULTI | EXEC | MULTI | PING | EXEC | EXEC | MULTI | MULTI | DISCARD | DISCARD"),
        new("MULTI", "MULTI | SET {mv}a x | INCR {mv}a | GET {mv}a | MGET {mv}a {mv}b | DEL {mv}a | SET {mv}a v EX 0 | EXEC | EXISTS {mv}a"),
        new("MULTI", "MULTI | NOSUCH | SET {mw}a 1 | EXEC | GET {mw}a | MULTI | SET {mw}a | EXEC | MULTI | WATCH {mw}a | SET {mw}a 2 | EXEC | GET {mw}a"),
        new("MULTI", "MULTI | SET a 1 | SET b 1 | SET c 1", Shards),
        new("WATCH", "WATCH {wa}a | MULTI | SET {wa}a 1 | EXEC | WATCH {wa}a | SET {wa}a 2 | MULTI | SET {wa}a 3 | PING | EXEC | GET {wa}a | MULTI | SET {wa}a 4 | EXEC | WATCH {wa}a {wa}b | SET {wa}b 1 | UNWATCH | MULTI | GET {wa}b | EXEC | WATCH {wa}c | SET {wa}c 1 | DISCARD | MULTI | DISCARD | MULTI | GET {wa}c | EXEC"),
        new("PING", "PING | PING hi | PING a b"),
        new("ECHO", "ECHO hi | ECHO"),
        new("SELECT", "SELECT 0 | SELECT x"),
        new("SELECT", "SELECT 1", "there is one database"),
        new("AUTH", "AUTH a | AUTH default a | AUTH nobody a | AUTH a b c"),
        new("HELLO", "HELLO 4 | HELLO x | HELLO 2 FOO | HELLO 3 AUTH nobody x"),
        new("CLUSTER", "CLUSTER SLOTS | CLUSTER KEYSLOT a | CLUSTER SHARDS | CLUSTER"),
        new("WAIT", "WAIT x 0 | WAIT 0 x | WAIT 0 -1 | WAIT 0"),
        new("WAIT", "WAIT 0 0", "members beside the leader that have every acknowledged write"),
        new("READONLY", "READONLY", "reads of this connection: any replica, as it stands"),
        new("READWRITE", "READWRITE", "undoes `READONLY`"),
        new("RESET", "CLIENT SETNAME me | RESET | CLIENT GETNAME"),
        new("CLIENT", "CLIENT GETNAME | CLIENT SETNAME me | CLIENT GETNAME | CLIENT SETNAME a~b"),
        new("QUIT", "QUIT"),
        new("(unknown)", "NOSUCH a b | GET"),
    ];
}
