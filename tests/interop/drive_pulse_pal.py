# Drives a Pulse Pal with its makers' own Python client, of either generation, and prints what the client believes.
import json
import sys
import time

import PulsePal

port = sys.argv[1]
if hasattr(PulsePal, "PulsePalObject"):
    device = PulsePal.PulsePalObject(port)
    device.programOutputChannelParam("phase1Voltage", 1, 2.5)
    device.programOutputChannelParam("phase1Duration", 1, 0.002)
    device.programOutputChannelParam("pulseTrainDuration", 1, 0.002)
    device.programTriggerChannelParam("triggerMode", 1, 0)
    device.sendCustomPulseTrain(1, [0, 0.001], [5, -5])
    device.setFixedVoltage(4, 0)
    device.triggerOutputChannels(1, 0, 0, 0)
    time.sleep(0.3)
    device.abortPulseTrains()
    firmware = int(device.firmware_version)
    del device
else:
    device = PulsePal.PulsePalDevice(port)
    device.set_output_param("phase1_voltage", 1, 2.5)
    device.set_output_param("phase1_duration", 1, 0.002)
    device.set_output_param("pulse_train_duration", 1, 0.002)
    device.set_trigger_param("trigger_mode", 1, 0)
    device.trigger(1)
    time.sleep(0.3)
    firmware = int(device.info.firmware_version)
    device.close()
print(json.dumps({"firmware": firmware}))
