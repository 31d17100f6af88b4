"""How the server is started: small, fast to come up, reachable from this machine only."""

from __future__ import annotations

from pathlib import Path

_EXPORTS = (
    *("java.base/jdk.internal.misc", "java.base/java.lang.ref", "java.sql/java.sql"),
    *("java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry"),
    *("java.rmi/sun.rmi.server", "jdk.unsupported/sun.misc"),
    *("jdk.compiler/com.sun.tools.javac.file", "jdk.attach/sun.tools.attach"),
)
_OPENS = (
    *("java.base/java.lang.module", "java.base/jdk.internal.loader"),
    *("java.base/jdk.internal.ref", "java.base/jdk.internal.reflect"),
    *("java.base/jdk.internal.math", "java.base/jdk.internal.module"),
    *("java.base/jdk.internal.util.jar", "java.base/sun.nio.ch", "java.base/java.io"),
    *("java.base/java.lang.reflect", "java.base/java.lang", "java.base/java.util"),
    *("jdk.management/com.sun.management.internal", "jdk.compiler/com.sun.tools.javac"),
)
MAIN = "org.apache.cassandra.service.CassandraDaemon"


def jvm_options(home: Path, jars: Path, jmx_port: int | None) -> list[str]:
    """Those of the server's own conf/jvm17-server.options that it cannot do without, and ours.

    One node waits for no other, so what it would wait for is switched off.
    """
    (jamm,) = jars.glob("jamm-*.jar")
    return [
        *("-Xms256m", "-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.security.manager=allow",  # Java 21 does so only when told
        f"-javaagent:{jamm}",
        *(f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTS),
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS),
        *("-Djdk.attach.allowAttachSelf=true", "-Dio.netty.tryReflectionSetAccessible=true"),
        *(f"-Dcassandra.config={(home / 'cassandra.yaml').as_uri()}", "-Dcassandra-foreground=yes"),
        f"-Dcassandra.storagedir={home}",
        f"-Djava.io.tmpdir={home}",
        f"-Dlogback.configurationFile={home / 'logback.xml'}",
        *("-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=0"),
        *("-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.join_ring=true"),
        *([f"-Dcassandra.jmx.local.port={jmx_port}"] if jmx_port else []),
    ]


def configuration(home: Path, native_port: int, storage_port: int) -> str:
    """The text of cassandra.yaml. What was confirmed survives a kill."""
    return f"""\
cluster_name: evm-dex
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage_port}
start_native_transport: true
native_transport_port: {native_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage_port}"}}]
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_directory: {home}/commitlog
data_file_directories: [{home}/data]
saved_caches_directory: {home}/saved_caches
hints_directory: {home}/hints
cdc_raw_directory: {home}/cdc_raw
auto_snapshot: false
read_request_timeout: 20000ms
range_request_timeout: 20000ms
write_request_timeout: 20000ms
truncate_request_timeout: 60000ms
tombstone_failure_threshold: 2000
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
key_cache_size: 4MiB
concurrent_reads: 4
concurrent_writes: 8
concurrent_compactors: 1
concurrent_materialized_view_builders: 1
native_transport_max_threads: 8
"""


LOGGING = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss.SSS} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""
