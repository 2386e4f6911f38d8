"""The data elements that are read, with the VR they have when a file does not say it.

References
----------
DICOM PS3.6 chapter 6.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Tag(IntEnum):
    """Data element tags by DICOM keyword."""

    MediaStorageSOPClassUID = 0x00020002
    TransferSyntaxUID = 0x00020010
    FileMetaInformationGroupLength = 0x00020000
    SpecificCharacterSet = 0x00080005
    SOPClassUID = 0x00080016
    SOPInstanceUID = 0x00080018
    StudyDate = 0x00080020
    SeriesDate = 0x00080021
    AcquisitionDate = 0x00080022
    ContentDate = 0x00080023
    AcquisitionDateTime = 0x0008002A
    StudyTime = 0x00080030
    AcquisitionTime = 0x00080032
    ContentTime = 0x00080033
    AccessionNumber = 0x00080050
    Modality = 0x00080060
    Manufacturer = 0x00080070
    InstitutionName = 0x00080080
    CodeValue = 0x00080100
    CodingSchemeDesignator = 0x00080102
    CodeMeaning = 0x00080104
    LongCodeValue = 0x00080119
    TimezoneOffsetFromUTC = 0x00080201
    StudyDescription = 0x00081030
    SeriesDescription = 0x0008103E
    ManufacturerModelName = 0x00081090
    PatientName = 0x00100010
    PatientID = 0x00100020
    IssuerOfPatientID = 0x00100021
    PatientBirthDate = 0x00100030
    PatientSex = 0x00100040
    PatientAge = 0x00101010
    PatientSpeciesDescription = 0x00102201
    PatientSpeciesCodeSequence = 0x00102202
    PatientBreedDescription = 0x00102292
    ResponsiblePerson = 0x00102297
    BodyPartExamined = 0x00180015
    ImagerPixelSpacing = 0x00181164
    NominalScannedPixelSpacing = 0x00182010
    PatientPosition = 0x00185100
    ViewPosition = 0x00185101
    StudyInstanceUID = 0x0020000D
    SeriesInstanceUID = 0x0020000E
    PatientOrientation = 0x00200020
    Laterality = 0x00200060
    ImageLaterality = 0x00200062
    SamplesPerPixel = 0x00280002
    PhotometricInterpretation = 0x00280004
    PlanarConfiguration = 0x00280006
    NumberOfFrames = 0x00280008
    Rows = 0x00280010
    Columns = 0x00280011
    PixelSpacing = 0x00280030
    BitsAllocated = 0x00280100
    BitsStored = 0x00280101
    HighBit = 0x00280102
    PixelRepresentation = 0x00280103
    PixelSpacingCalibrationType = 0x00280A02
    WindowCenter = 0x00281050
    WindowWidth = 0x00281051
    RescaleIntercept = 0x00281052
    RescaleSlope = 0x00281053
    WindowCenterWidthExplanation = 0x00281055
    VOILUTFunction = 0x00281056
    ModalityLUTSequence = 0x00283000
    LUTDescriptor = 0x00283002
    LUTData = 0x00283006
    VOILUTSequence = 0x00283010
    NumberOfWaveformChannels = 0x003A0005
    NumberOfWaveformSamples = 0x003A0010
    SamplingFrequency = 0x003A001A
    WaveformOriginality = 0x003A0004
    MultiplexGroupTimeOffset = 0x00181068
    ChannelDefinitionSequence = 0x003A0200
    ChannelLabel = 0x003A0203
    ChannelSourceSequence = 0x003A0208
    ChannelSensitivity = 0x003A0210
    ChannelSensitivityUnitsSequence = 0x003A0211
    ChannelSensitivityCorrectionFactor = 0x003A0212
    ChannelBaseline = 0x003A0213
    ChannelTimeSkew = 0x003A0214
    ChannelSampleSkew = 0x003A0215
    WaveformBitsStored = 0x003A021A
    FilterLowFrequency = 0x003A0220
    FilterHighFrequency = 0x003A0221
    NotchFilterFrequency = 0x003A0222
    WaveformSequence = 0x54000100
    WaveformBitsAllocated = 0x54001004
    WaveformSampleInterpretation = 0x54001006
    WaveformPaddingValue = 0x5400100A
    WaveformData = 0x54001010
    FloatPixelData = 0x7FE00008
    DoubleFloatPixelData = 0x7FE00009
    PixelData = 0x7FE00010


#: Sequences opened even where their VR is implicit and their length defined.
SEQUENCES: Final = frozenset(
    int(tag) for tag in Tag if tag.name.endswith("Sequence")
)  # DICOM keywords of sequences end so

_US: Final = (
    Tag.SamplesPerPixel, Tag.PlanarConfiguration, Tag.Rows, Tag.Columns, Tag.BitsAllocated,
    Tag.BitsStored, Tag.HighBit, Tag.PixelRepresentation, Tag.NumberOfWaveformChannels,
    Tag.WaveformBitsStored, Tag.WaveformBitsAllocated, Tag.LUTDescriptor,
)  # fmt: skip

#: VR of binary numbers when the file leaves it out; all others are text here.
IMPLIED_VR: Final[dict[int, str]] = {
    **{int(tag): "US" for tag in _US},
    int(Tag.NumberOfWaveformSamples): "UL",
}
