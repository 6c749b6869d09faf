#!/bin/bash
# What the official image does at its start: its own wrapper turns KAFKA_* into the broker's file, and a new folder is formatted.
# A folder that is formatted already makes the wrapper end with 1, and the image goes on.
set -euo pipefail
mkdir -p /etc/kafka/docker /mnt/shared/config /opt/kafka/config
for file in server.properties log4j2.yaml tools-log4j2.yaml; do
  [ -e "/etc/kafka/docker/$file" ] || : > "/etc/kafka/docker/$file"
done
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
said=$("$JAVA" -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1) \
  || grep -q 'already formatted' <<< "$said" || { echo "$said"; exit 1; }
exec "$JAVA" -Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' kafka.Kafka \
  /opt/kafka/config/server.properties
