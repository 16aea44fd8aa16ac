"""What an ended run showed of its calls, in a few numbers: estimates read these and no branches."""

from django.conf import settings
from django.db import models

from runs.models.connections import Connection
from runs.models.runs import Run


class Learned(models.Model):
    """The successful calls of one run that asked the same (`asks`, a print of the words) of the
    same model. `calls` of them; tokens and seconds are those of one: means of the input (`told`:
    what the estimate said, null where it did not), of the output the least, the median and the
    most, of the seconds the tenth percentile, the mean and the ninetieth. `first_token_s` and
    `token_s`, medians, are null where answers came whole. `at_once`: calls of the connection in
    flight on average meanwhile. `is_invented`: a simulated provider made the answers up."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="learned")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    asks = models.CharField(max_length=32)
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True)
    model = models.CharField(max_length=120)
    is_invented = models.BooleanField(default=False)
    calls = models.PositiveIntegerField()
    input_tokens = models.FloatField()
    input_told = models.FloatField(null=True)
    output_least = models.FloatField()
    output_tokens = models.FloatField()
    output_most = models.FloatField()
    seconds_quick = models.FloatField()
    seconds = models.FloatField()
    seconds_slow = models.FloatField()
    first_token_s = models.FloatField(null=True)
    token_s = models.FloatField(null=True)
    at_once = models.FloatField()

    class Meta:
        ordering = ["-run_id"]
        indexes = [
            models.Index(fields=["owner", "asks", "-run"], name="learned_by_asks"),
            models.Index(fields=["connection", "model", "-run"], name="learned_by_model"),
        ]
